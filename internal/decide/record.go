package decide

import (
	"math/bits"
	"time"
)

// A record is a ledger's record with its predictions for one duration: what it said, and what came true when the time had
// passed.
type record struct {
	bit      uint32 // of this duration
	length   int64
	rarity   uint // one record in 2^rarity gets a promise
	waiting  queue
	bad      queue
	soon     queue // like bad, until the end of the duration before
	early    queue // these, with what came by then
	said     [stages][sizeSteps]float64
	came     [stages][sizeSteps]float64
	episodes [2]float64 // of entities without and with bad records before
	followed [2]float64 // bad records within the duration that are not within the one before
	before   float64    // the same of one episode, before anything is known
}

// A promise is a prediction that waits to come true.
type promise struct {
	due    int64
	hash   uint64
	since  int64   // first record of the account
	had    float64 // weight when it was made
	said   float64
	weight float64
	soon   float64 // bad records that came within the duration before
	again  int8    // 1 if the entity had bad records before
	stage  int8
	size   int8
}

const (
	stages      = 8
	sizeSteps   = 32
	maxPromises = 1 << 16 // that wait, of one kind and duration; where there would be more, every other one is dropped

	trustPrior    = 20. // records that a prediction counts as having come true, before anything is known
	followPrior   = 5.  // episodes, likewise
	followMost    = 10. // bad records that follow a bad one in the end
	followHalf    = int64(time.Hour)
	episodeStarts = .5 // probability from which a record is held to be bad, and may start an episode
)

// newRecord returns that of the duration number i.
func newRecord(i int, durations []time.Duration) *record {
	r := &record{bit: 1 << i, rarity: 2, length: int64(durations[i]), before: followed(durations[i])}
	if i > 0 {
		r.before -= followed(durations[i-1])
	}
	return r
}

// followed is how many bad records follow one within d, before anything is known.
func followed(d time.Duration) float64 {
	return followMost * float64(d) / float64(int64(d)+followHalf)
}

// again is 1 for an entity that has sent bad records before.
func (a *account) again() int8 {
	if a.bad >= episodeStarts {
		return 1
	}
	return 0
}

// stage puts accounts into classes by how long the session has lasted, and by whether it is the first.
func (a *account) stage(now int64) int8 {
	n := int8(3)
	switch lasted := now - a.begun; {
	case lasted == 0:
		n = 0
	case lasted < int64(10*time.Minute):
		n = 1
	case lasted < int64(2*time.Hour):
		n = 2
	}
	if a.begun != a.first {
		n += stages / 2
	}
	return n
}

// sizeOf puts predictions into classes that double, from 1/256 on.
func sizeOf(x float64) int8 {
	return int8(min(bits.Len64(uint64(min(x, 1e15)*256)), sizeSteps-1))
}

// trust is what predictions like this one are to be multiplied by: what came true over what was said.
func (r *record) trust(a int8, said float64) float64 {
	s := sizeOf(said)
	return (r.came[a][s] + trustPrior) / (r.said[a][s] + trustPrior)
}

// further is how many bad records follow, within the duration and not within the one before, a bad one that starts an
// episode, by whether the entity has had one before.
func (r *record) further(again int8) float64 {
	return (r.followed[again] + float64(followPrior*r.before)) / (r.episodes[again] + followPrior)
}

// warmUp is how long a ledger learns before it keeps its predictions to see what comes true: at first, those who come every
// day look like newcomers.
const warmUp = 24 * int64(time.Hour)

// promise writes down what is predicted for an account now, to see what comes true: for some records, by lot. An episode of
// bad records ends with the duration; then another may start.
func (l *Ledger) promise(b *book, a *account, p float64, now int64) {
	lot := mix(a.hash ^ uint64(b.added))
	for i, r := range b.told {
		if lot<<(64-r.rarity) == 0 && !l.plain && now-l.began >= min(r.length, warmUp) {
			if r.waiting.n == maxPromises {
				r.waiting.thin()
				r.rarity++
			}
			said := l.expect(b, a, p, now, i)
			// The record at hand is added next, and is not part of what is to come.
			r.waiting.push(promise{due: now + r.length, hash: a.hash, since: a.first, had: a.good + 1 - p, said: said,
				stage: a.stage(now), size: sizeOf(said)})
		}
		if p >= episodeStarts && a.openBad&r.bit == 0 && r.bad.n < maxPromises {
			q := promise{due: now + r.length, hash: a.hash, since: a.first, had: a.bad + p, weight: p, again: a.again()}
			r.bad.push(q)
			a.openBad |= r.bit
			if i > 0 { // what came within the duration before is noted there, at its end
				q.due = now + b.told[i-1].length
				r.soon.push(q)
			}
		}
	}
}

// mix spreads the bits of x (Steele, Lea and Flood's SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// settle notes what came true of predictions whose time has passed.
func (l *Ledger) settle(b *book, now int64) {
	for i, r := range b.told {
		for r.waiting.n > 0 && r.waiting.first().due < now {
			q := r.waiting.pop()
			if a := b.find(&q); a != nil {
				r.said[q.stage][q.size] += q.said
				r.came[q.stage][q.size] += max(0, a.good-q.had)
			}
		}
		for r.soon.n > 0 && r.soon.first().due < now {
			q := r.soon.pop()
			if a := b.find(&q); a != nil {
				q.soon = max(0, a.bad-q.had)
			}
			r.early.push(q)
		}
		for r.bad.n > 0 && r.bad.first().due < now {
			q, soon := r.bad.pop(), 0.
			if i > 0 { // in the same order
				soon = r.early.pop().soon
			}
			if a := b.find(&q); a != nil {
				a.openBad &^= r.bit
				r.episodes[q.again] += q.weight
				r.followed[q.again] += float64(q.weight * max(0, a.bad-q.had-soon))
			}
		}
	}
}

// find returns the account that a promise is of, or nil if that was forgotten meanwhile.
func (b *book) find(q *promise) *account {
	if i, ok := b.index[q.hash]; ok && b.accounts[i].first == q.since {
		return &b.accounts[i]
	}
	return nil
}

// A queue is first in, first out.
type queue struct {
	ring []promise
	head int
	n    int
}

func (q *queue) first() *promise { return &q.ring[q.head] }

func (q *queue) pop() promise {
	x := q.ring[q.head]
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	return x
}

func (q *queue) push(x promise) {
	if q.n == len(q.ring) {
		ring := make([]promise, max(16, 2*len(q.ring)))
		for i := range q.n {
			ring[i] = q.ring[(q.head+i)&(len(q.ring)-1)]
		}
		q.ring, q.head = ring, 0
	}
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = x
	q.n++
}

// thin drops every other one.
func (q *queue) thin() {
	for i := range q.n / 2 {
		q.ring[(q.head+i)&(len(q.ring)-1)] = q.ring[(q.head+2*i)&(len(q.ring)-1)]
	}
	q.n /= 2
}
