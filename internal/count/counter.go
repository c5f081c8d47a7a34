package count

// A Counter adds the features of records to [Counts] through a small cache that combines equal ones: the same few values
// come again and again, and each is split into its parts once per visit to the cache instead of once per record. The
// result is exact; call [Counter.Flush] before reading the counts.
//
// Not safe for concurrent use: every worker has its own Counter and Counts.
type Counter struct {
	Counts *Counts
	cache  []pending
}

type pending struct {
	group *Group
	value uint64
	n     uint32
	hour  int16 // 0 where the group does not count by hour
	class Class
	parts []uint64
}

const cacheBits = 14

// NewCounter returns a counter over empty counts.
func NewCounter() *Counter { return &Counter{Counts: New(), cache: make([]pending, 1<<cacheBits)} }

// Add counts one record's feature. parts is called, if at all, before Add returns: it appends the hashes of the value's
// parts, each once, to its argument.
func (c *Counter) Add(g *Group, value uint64, class Class, hour int, parts func(dst []uint64) []uint64) {
	g.Events[class][hour]++
	if !g.Hourly {
		hour = 0
	}
	slot := (value ^ uint64(hour)*0x9E3779B97F4A7C15 ^ uint64(class)<<63) * 0xD6E8FEB86659FD93 >> (64 - cacheBits)
	p := &c.cache[slot]
	same := p.value == value && p.group == g
	if same && p.hour == int16(hour) && p.class == class && p.n < 1<<31 {
		p.n++
		return
	}
	c.flush(p)
	if !same {
		p.parts = parts(p.parts[:0])
	}
	p.group, p.value, p.hour, p.class, p.n = g, value, int16(hour), class, 1
}

// Flush adds what the cache still holds to the counts.
func (c *Counter) Flush() {
	for i := range c.cache {
		c.flush(&c.cache[i])
	}
}

func (c *Counter) flush(p *pending) {
	if p.n > 0 {
		p.group.add(p.value, p.parts, p.class, int(p.hour), p.n)
		p.n = 0
	}
}
