package beacon

// A queue holds sightings before they go into the store. Where a pair stands in memory is anywhere, and fetching it is most
// of the work; a queue's pairs are looked for together, which lets the processor fetch them at the same time.
type queue struct {
	waiting []queued
	text    []byte
	fetched uint64 // lest the compiler leave out what is only fetched
}

type queued struct {
	sighting
	key, hsrc, hdst uint64
	src, dst        uint32 // where the texts end; they follow one another
}

const maxQueue = 64

// see adds a sighting of a source and a destination, whose texts are copied.
func (s *store) see(key uint64, src, dst []byte, hsrc, hdst uint64, x *sighting) {
	if !keeps(key, s.level) {
		return
	}
	q := &s.queue
	q.text = append(q.text, src[:min(len(src), maxText)]...)
	end := uint32(len(q.text))
	q.text = append(q.text, dst[:min(len(dst), maxText)]...)
	q.waiting = append(q.waiting, queued{*x, key, hsrc, hdst, end, uint32(len(q.text))})
}

// settle puts what waits into the store. It may intern all texts anew, so it is not called while somebody holds some.
func (s *store) settle() {
	q := s.queue
	if len(q.waiting) == 0 {
		return
	}
	s.fetch(q.waiting)
	s.queue = queue{} // settling again, while pairs are dropped, finds nothing
	before, from := s.texts, uint32(0)
	for i := range q.waiting {
		x := &q.waiting[i]
		s.place(x, q.text[from:x.src], q.text[x.src:x.dst], before)
		from = x.dst
	}
	s.queue = queue{waiting: q.waiting[:0], text: q.text[:0]}
}

// fetch touches what place is going to need, one kind of thing after the other.
func (s *store) fetch(list []queued) {
	mask, sum := uint64(len(s.slots)-1), uint64(0)
	var found [maxQueue]uint32
	list = list[:min(len(list), maxQueue)]
	for i := range list {
		e := s.slots[list[i].key&mask]
		sum += e
		found[i] = uint32(e)
	}
	for i := range list {
		if n := found[i]; n != 0 && (n-1)&isOnce != 0 {
			sum += s.once.at((n - 1) &^ isOnce).key
		} else if n != 0 {
			x := s.all.at(n - 1)
			sum += x.key + uint64(x.tail)
		}
	}
	for i := range list {
		if n := found[i]; n != 0 && (n-1)&isOnce == 0 {
			x := s.all.at(n - 1)
			sum += uint64(s.arena.at(x.tail, max(int(x.used), 1))[max(x.used, 1)-1])
		}
	}
	s.queue.fetched += sum
}

// place adds a sighting, whose texts are those of before.
func (s *store) place(x *queued, src, dst []byte, before *texts) {
	if !keeps(x.key, s.level) {
		return
	}
	at, found := s.slot(x.key)
	if !found {
		var ok bool
		if at, ok = s.room(x.key, at); !ok {
			return
		}
	}
	if s.texts != before { // there were too many pairs
		x.peer = s.texts.add(before.get(x.peer), before.hashes[x.peer])
		x.agent = s.texts.add(before.get(x.agent), before.hashes[x.agent])
	}
	if found {
		s.apply(s.promote(at), &x.sighting)
		return
	}
	s.begin(at, x.key, s.texts.add(src, x.hsrc), s.texts.add(dst, x.hdst), &x.sighting)
}
