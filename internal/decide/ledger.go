package decide

import (
	"cmp"
	"slices"
	"time"
)

// An Entity is whom a block is of: a kind, and a hash of the name.
type Entity struct {
	Kind EntityKind
	Hash uint64
}

// sessionGap parts the sessions of an entity: after so long without a record a new one starts, as web statistics have it.
const sessionGap = int64(30 * time.Minute)

// maxAccounts bounds the entities of one kind that a ledger knows.
const maxAccounts = 1 << 21

// A Ledger keeps, in order of time, how much good and bad each entity has sent, and says what it will send. It knows at most
// so many entities of a kind; when there are more it forgets a quarter, those that sent the least and were seen longest
// ago. It is for one goroutine.
//
// What it says rests on the records added so far and on nothing else.
type Ledger struct {
	durations []time.Duration
	limit     int
	now       int64
	began     int64 // first record
	started   bool
	books     [numKinds]*book

	stake stake // scratch of Decide

	plain bool // without what came true of predictions; for measurements
}

// A book is a ledger of one kind of entity.
type book struct {
	accounts []account
	index    map[uint64]int32
	added    int64 // records
	forgot   int64 // entities
	next     int64 // records at which the spread is estimated again
	spread   spread
	good     float64 // of all records
	sessions float64 // good ones
	told     []*record
}

// An account is what is known of an entity. Weights are sums of probabilities, or of labels where these were known; bad is of
// records that are rather bad than good.
type account struct {
	hash        uint64
	good, bad   float64
	first, last int64
	begun       int64   // start of the session
	session     float64 // good records of the session
	sessions    float64 // good ones
	openBad     uint32  // durations for which an episode of bad records is under way
}

// NewLedger returns a ledger for blocks of these durations, rising. limit is how many entities of one kind it knows at most;
// 0 is two million, which is about 250 MB.
func NewLedger(durations []time.Duration, limit int) *Ledger {
	if limit <= 0 {
		limit = maxAccounts
	}
	return &Ledger{durations: durations, limit: limit}
}

func (l *Ledger) book(k EntityKind) *book {
	if l.books[k] == nil {
		b := &book{index: map[uint64]int32{}, spread: priorSpread}
		for i := range l.durations {
			b.told = append(b.told, newRecord(i, l.durations))
		}
		l.books[k] = b
	}
	return l.books[k]
}

// Forgotten returns how many entities had to be forgotten.
func (l *Ledger) Forgotten() int64 {
	n := int64(0)
	for _, b := range l.books {
		if b != nil {
			n += b.forgot
		}
	}
	return n
}

// Seen returns how much good and bad an entity has sent so far, in records weighted by their probabilities.
func (l *Ledger) Seen(e Entity) (good, bad float64) {
	if b := l.books[e.Kind]; b != nil {
		if i, ok := b.index[e.Hash]; ok {
			return b.accounts[i].good, b.accounts[i].bad
		}
	}
	return 0, 0
}

// Add notes a record of these entities, which is bad with probability p. Records come in order of time; one that is earlier
// than the latest counts as of that moment.
func (l *Ledger) Add(now int64, entities []Entity, p float64) {
	if !l.started {
		l.started, l.began, l.now = true, now, now
	}
	l.now = max(l.now, now)
	now = l.now
	for _, e := range entities {
		b := l.book(e.Kind)
		l.settle(b, now)
		i, known := b.index[e.Hash]
		if !known {
			if len(b.accounts) >= l.limit {
				b.forget(max(1, l.limit/4))
			}
			i = int32(len(b.accounts))
			b.accounts = append(b.accounts, account{hash: e.Hash, first: now, last: now, begun: now})
			b.index[e.Hash] = i
		}
		a := &b.accounts[i]
		a.turn(now)
		l.promise(b, a, p, now)
		if a.session == 0 { // the first record that counts makes the session
			b.sessions += 1 - p
			a.sessions += 1 - p
		}
		a.session += 1 - p
		a.good += 1 - p
		if p >= episodeStarts { // many small doubts are no bad record
			a.bad += p
		}
		b.good += 1 - p
		a.last = now
		if b.added++; b.added >= b.next {
			b.spread = b.estimate(now)
			b.next = b.added + b.added/4 + 1000
		}
	}
}

// turn starts a new session if the last one is over.
func (a *account) turn(now int64) {
	if now-a.last > sessionGap {
		a.begun, a.session = now, 0
	}
}

// forget drops the n accounts with the least weight, the longest ago first among equals.
func (b *book) forget(n int) {
	order := make([]int32, len(b.accounts))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(x, y int32) int {
		a, c := &b.accounts[x], &b.accounts[y]
		return cmp.Or(cmp.Compare(a.good+a.bad, c.good+c.bad), cmp.Compare(a.last, c.last), cmp.Compare(a.hash, c.hash))
	})
	gone := make([]bool, len(b.accounts))
	for _, i := range order[:n] {
		gone[i] = true
	}
	kept := b.accounts[:0]
	for i := range b.accounts {
		a := b.accounts[i]
		if gone[i] {
			delete(b.index, a.hash)
			continue
		}
		b.index[a.hash] = int32(len(kept))
		kept = append(kept, a)
	}
	b.accounts = kept
	b.forgot += int64(n)
}
