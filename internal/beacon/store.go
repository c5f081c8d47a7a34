package beacon

import (
	"github.com/zeebo/xxh3"
)

// A kind says what a series of times is of.
type kind uint8

const (
	kindConn kind = iota // connections of a source with an address
	kindApp              // requests and handshakes of a source with an address
	kindName             // the same with a host name
	kindDNS              // questions for a name
)

// A series is what is known of one source and one destination: totals, and when connections were made. It holds no
// pointers, and is 112 bytes.
type series struct {
	key      uint64 // hash of network, kind, source and destination
	src, dst uint32 // texts
	network  uint32
	extra    uint32    // index into extras, 0 is none
	ports    [3]uint16 // the three smallest
	nports   uint8     // 4 stands for more
	kind     kind

	count          int64
	sent, received int64
	nanos, longest int64 // durations
	first, last    int64 // nanoseconds

	// The newest connections, in the arena, as pairs of varints: zigzag of the difference to the one before in milliseconds
	// (of the first one: to 1970), and the bytes sent. One alone is not written: first and sent are all there is to it.
	prev       int64 // milliseconds of the last one appended; for a judge, which verdict is the series', from 1
	head, tail uint32
	stored     uint32
	used, size uint16 // of the tail chunk
}

// An extra is what requests, handshakes and questions say of a pair.
type extra struct {
	peers    few // addresses of a name
	agents   few // user agents
	noHost   uint32
	noName   uint32 // handshakes without a server name
	requests uint32 // HTTP
	failed   uint32 // DNS questions without an answer
	answered uint32
}

// A ref says that the connection with an id went to a name.
type ref struct {
	id     uint64
	series uint64 // key of the name's series
}

// A conn is a connection that may have gone to a name.
type conn struct {
	id    uint64
	ms    int64
	sent  int64
	both  int64
	nanos int64
}

// A store is the state of one worker. Stores merge, in any order, to the same store.
type store struct {
	o       *Options
	texts   *texts
	all     pages[series]
	once    pages[single]
	holes   []uint32     // in once
	peers   pages[peer]  // of singles; the first is none
	slots   []uint64     // index+1 into all
	extras  pages[extra] // the first is none
	arena   arena
	level   uint // series are kept whose keys start with so many zero bits (spread)
	refs    pages[ref]
	conns   pages[conn]
	joined  uint // ids are kept that start with so many zero bits
	domain  map[domainKey]*domainState
	cut     uint // for domains
	thin    map[uint64]bool
	span    map[uint32]span // by network
	days    map[day]bool
	today   day // the last one added
	events  int64
	untimed int64              // records that would have been of use, but for their time
	endless int64              // those that lack a source or a destination
	backs   map[uint32]setBack // by network
	stretch []stretch
	open    stretch // the one that goes on, where ordered is set
	ordered bool
	names   map[addrKey]*few // names that resolved to an address
	queue   queue
	named   uint // addresses are kept in names whose hashes start with so many zero bits
}

type span struct{ first, last int64 }

// A day of a network's logs.
type day struct {
	network uint32
	day     int32 // since 1970
}

// maxDays bounds the days that are remembered; with more, clocks are too wrong to tell what is new.
const maxDays = 10000

type addrKey struct {
	network uint32
	addr    uint32
}

func newStore(o *Options) *store {
	s := &store{o: o, texts: newTexts(), slots: make([]uint64, 1024), arena: newArena(),
		domain: map[domainKey]*domainState{}, thin: map[uint64]bool{}, span: map[uint32]span{}, days: map[day]bool{}, today: day{day: -1 << 31}, names: map[addrKey]*few{}, backs: map[uint32]setBack{}}
	s.extras.add(extra{})
	s.peers.add(peer{})
	return s
}

// spread makes the bits of a hash depend on each other anew, for deciding what is kept.
func spread(h uint64) uint64 {
	h ^= h >> 31
	h *= 0x9E3779B97F4A7C15
	return h ^ h>>29
}

func keeps(h uint64, level uint) bool { return level == 0 || spread(h)>>(64-level) == 0 }

// seriesKey is the identity of a series.
func seriesKey(network uint32, k kind, src, dst uint64) uint64 {
	h := src*0x9E3779B97F4A7C15 ^ (dst<<32|dst>>32)*0xC2B2AE3D27D4EB4F ^ uint64(network)<<3 ^ uint64(k)
	h ^= h >> 32
	h *= 0xD6E8FEB86659FD93
	h ^= h >> 32
	return max(h, 1)
}

func (s *store) hash(b []byte) uint64 {
	return max(xxh3.HashSeed(b[:min(len(b), maxText)], hashSeed), 1)
}

// hashSeed is fixed: what is kept where there is too much must be the same in every run.
const hashSeed = 0x77656972

// A single is a pair that was seen once, as most are: 48 bytes instead of those of a series and an extra.
type single struct {
	key            uint64
	ns             int64
	src, dst       uint32
	network        uint32
	sent, received uint32
	micros         uint32
	more           uint32 // index into peers, 0 is none
	port           uint16
	kind           kind
	flags          flags
}

// flags are what a request, a handshake or a question was.
type flags uint8

const (
	flagRequest flags = 1 << iota
	flagNoHost
	flagNoName
	flagFailed
	flagAnswered
)

// A sighting is one connection, request, handshake or question.
type sighting struct {
	network               uint32
	kind                  kind
	flags                 flags
	port                  uint16
	ns                    int64
	sent, received, nanos int64
	peer, agent           uint32 // texts
}

func (s *store) sighting(x *single) sighting {
	y := sighting{network: x.network, kind: x.kind, flags: x.flags, port: x.port, ns: x.ns, sent: int64(x.sent), received: int64(x.received), nanos: int64(x.micros) * 1000}
	if x.more != 0 {
		p := s.peers.at(x.more)
		y.peer, y.agent = p.peer, p.agent
	}
	return y
}

// A peer is what a single may have besides: an address of a name and a user agent.
type peer struct{ peer, agent uint32 }

const isOnce = 1 << 31

// slot returns where a key stands, or where it would.
func (s *store) slot(key uint64) (at uint64, found bool) {
	mask := uint64(len(s.slots) - 1)
	at = key & mask
	for ; s.slots[at] != 0; at = (at + 1) & mask {
		if s.slots[at]>>32 == key>>32 {
			i := uint32(s.slots[at]) - 1
			if i&isOnce != 0 && s.once.at(i&^isOnce).key == key || i&isOnce == 0 && s.all.at(i).key == key {
				return at, true
			}
		}
	}
	return at, false
}

// find returns the series of a key, or nil where it was seen once or never.
func (s *store) find(key uint64) *series {
	if at, found := s.slot(key); found {
		if i := uint32(s.slots[at]) - 1; i&isOnce == 0 {
			return s.all.at(i)
		}
	}
	return nil
}

// has reports whether a key was ever seen.
func (s *store) has(key uint64) bool {
	_, found := s.slot(key)
	return found
}

// pairs is how many pairs there are.
func (s *store) pairs() int { return s.all.n + s.once.n - len(s.holes) }

// room makes room for one more pair. It returns where the key is to stand, or false where it is not kept any more.
func (s *store) room(key, at uint64) (uint64, bool) {
	for s.pairs() >= s.o.maxSeries() {
		s.narrow()
		if !keeps(key, s.level) {
			return 0, false
		}
		at, _ = s.slot(key)
	}
	if s.pairs()+1 > len(s.slots)/4*3 {
		s.grow()
		at, _ = s.slot(key)
	}
	return at, true
}

// begin keeps the first sighting of a pair at a slot.
func (s *store) begin(at, key uint64, src, dst uint32, x *sighting) {
	if x.sent>>32 != 0 || x.received>>32 != 0 || x.nanos >= 3600e9 || x.nanos%1000 != 0 {
		s.slots[at] = key>>32<<32 | uint64(s.all.add(series{key: key, network: x.network, kind: x.kind, src: src, dst: dst})+1)
		s.apply(s.all.at(uint32(s.slots[at])-1), x)
		return
	}
	one := single{key, x.ns, src, dst, x.network, uint32(x.sent), uint32(x.received), uint32(x.nanos / 1000), 0, x.port, x.kind, x.flags}
	if x.peer|x.agent != 0 {
		one.more = s.peers.add(peer{x.peer, x.agent})
	}
	i := uint32(0)
	if n := len(s.holes); n > 0 {
		i = s.holes[n-1]
		s.holes = s.holes[:n-1]
		*s.once.at(i) = one
	} else {
		i = s.once.add(one)
	}
	s.slots[at] = key>>32<<32 | uint64(i|isOnce) + 1
}

// promote returns the series at a slot, made of a single if need be.
func (s *store) promote(at uint64) *series {
	i := uint32(s.slots[at]) - 1
	if i&isOnce == 0 {
		return s.all.at(i)
	}
	i &^= isOnce
	one := *s.once.at(i)
	s.once.at(i).key = 0
	s.holes = append(s.holes, i)
	n := s.all.add(series{key: one.key, network: one.network, kind: one.kind, src: one.src, dst: one.dst})
	s.slots[at] = one.key>>32<<32 | uint64(n+1)
	x := s.sighting(&one)
	s.apply(s.all.at(n), &x)
	return s.all.at(n)
}

func (s *store) apply(y *series, x *sighting) {
	s.add(y, x.ns, x.sent, x.received, x.nanos)
	y.port(x.port)
	if x.kind == kindConn {
		return
	}
	s.tell(s.extraOf(y), x)
}

func (s *store) tell(e *extra, x *sighting) {
	e.peers.add(s.texts, x.peer, 1)
	e.agents.add(s.texts, x.agent, 1)
	for _, f := range [...]struct {
		flag flags
		n    *uint32
	}{{flagRequest, &e.requests}, {flagNoHost, &e.noHost}, {flagNoName, &e.noName}, {flagFailed, &e.failed}, {flagAnswered, &e.answered}} {
		if x.flags&f.flag != 0 {
			*f.n++
		}
	}
}

func (s *store) grow() {
	s.slots = make([]uint64, 2*len(s.slots))
	mask := uint64(len(s.slots) - 1)
	put := func(key uint64, i uint32) {
		at := key & mask
		for s.slots[at] != 0 {
			at = (at + 1) & mask
		}
		s.slots[at] = key>>32<<32 | uint64(i+1)
	}
	for i := range uint32(s.all.n) {
		put(s.all.at(i).key, i)
	}
	for i := range uint32(s.once.n) {
		if k := s.once.at(i).key; k != 0 {
			put(k, i|isOnce)
		}
	}
}

// narrow keeps the half of the series with the smaller hashes.
func (s *store) narrow() {
	old := *s
	*s = *newStore(old.o)
	s.level = old.level + 1
	s.merge(&old)
}

// extraOf returns what requests say of a series, made on first use.
func (s *store) extraOf(x *series) *extra {
	if x.extra == 0 {
		x.extra = s.extras.add(extra{})
	}
	return s.extras.at(x.extra)
}

// add adds a connection to a series.
func (s *store) add(x *series, ns, sent, received, nanos int64) {
	sent, received = max(sent, 0), max(received, 0)
	if x.count == 0 {
		x.stored = 1
	} else {
		s.unfold(x)
		s.note(x, floorDiv(ns, 1e6), sent)
	}
	if x.count == 0 {
		x.first, x.last = ns, ns
	}
	x.count++
	x.first, x.last = min(x.first, ns), max(x.last, ns)
	x.sent += sent
	x.received += received
	x.nanos += nanos
	x.longest = max(x.longest, nanos)
}

// unfold writes the one connection that a series is made of.
func (s *store) unfold(x *series) {
	if x.stored == 1 && x.head == 0 {
		x.stored = 0
		s.note(x, floorDiv(x.first, 1e6), x.sent)
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func (x *series) port(p uint16) {
	if p == 0 {
		return
	}
	at := 0
	for ; at < int(min(x.nports, 3)); at++ {
		if x.ports[at] == p {
			return
		}
		if x.ports[at] > p {
			break
		}
	}
	if at == 3 {
		x.nports = 4
		return
	}
	copy(x.ports[at+1:], x.ports[at:])
	x.ports[at] = p
	x.nports = min(x.nports+1, 4)
}
