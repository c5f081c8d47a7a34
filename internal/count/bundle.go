package count

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"weir/internal/wire"
)

// A bundle is the counts of a share of one field's tokens in bytes, as they travel between machines: the tokens whose
// hashes begin with the same few bits, of whole values (with their hours) or of parts. Bundles of equal keys add
// ([Bundle.Add]), in any order; what they add up to, [Counts.AddBundle] takes in.
//
// Tokens are sorted, and told by the difference of their upper 56 bits to those of the one before:
//
//	entries: difference, head, rest
//	  head&3 = 0: one token; low byte; its counts are in the head
//	  head&3 = 1: one token; low byte; head>>2 hours, each with counts, which add up to those of the token
//	  head&3 = 2: head>>2 tokens, each low byte and counts; then the number of token-hours, each low byte and counts
//	counts: 2·good if bad is 0, else 2·good+1 and bad
//
// Numbers are unsigned varints. A token-hour's key is a bijection of the token with its hour in the low byte (atHour), so
// what the bundle says of hours is a byte each.

// MaxBundleBits bounds the leading bits that tokens of a bundle share.
const MaxBundleBits = 16

// ErrBundle is wrapped by errors of bytes that are no bundle.
var ErrBundle = errors.New("damaged counts")

// A Table is a part of a field's tokens that bundles are made of.
type Table uint8

// The tables of a field.
const (
	Values Table = iota // whole values, with their hours
	Parts
)

const hourKey = 0xD6E8FEB86659FD93 // see atHour

// unHour times an hour's key is the token with its hour in the low byte: 1/hourKey modulo 2^64, by Newton's iteration.
var unHour = func() uint64 {
	x := uint64(hourKey)
	for range 6 {
		x *= 2 - hourKey*x
	}
	return x
}()

// EachBundle calls emit for every bundle of the counts, field by field in their order: of which table (values or parts),
// which of 1<<bits bundles (bits is at most [MaxBundleBits]), and the bytes, which emit may keep.
func (c *Counts) EachBundle(bits uint, emit func(field string, table Table, number int, value []byte) error) error {
	for _, name := range c.Names() {
		g := c.groups[name]
		for _, t := range []Table{Values, Parts} {
			if err := g.eachBundle(t, bits, func(number int, value []byte) error { return emit(name, t, number, value) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *Group) eachBundle(table Table, bits uint, emit func(number int, value []byte) error) error {
	values, hours := g.sortedEntries(table)
	shift := 64 - bits // a shift by 64 gives 0
	for len(values)+len(hours) > 0 {
		number := uint64(1)<<bits - 1
		if len(values) > 0 {
			number = min(number, values[0].key>>shift)
		}
		if len(hours) > 0 {
			number = min(number, hours[0].key>>shift)
		}
		within := func(list []entry) (n int) {
			n, _ = slices.BinarySearchFunc(list, number, func(e entry, k uint64) int {
				if e.key>>shift <= k {
					return -1
				}
				return 1
			})
			return n
		}
		v, h := within(values), within(hours)
		if err := emit(int(number), appendBundle(nil, values[:v], hours[:h])); err != nil {
			return err
		}
		values, hours = values[v:], hours[h:]
	}
	return nil
}

// sortedEntries returns the entries of a table by key, and those of hours by token, with the hour in the low byte.
func (g *Group) sortedEntries(table Table) (values, hours []entry) {
	if table == Parts {
		return g.parts.sorted(1), nil
	}
	return g.values.sorted(1), g.hours.sorted(unHour)
}

func (t *table) sorted(by uint64) []entry {
	out := make([]entry, 0, t.used)
	for _, e := range t.entries {
		if e.key != 0 {
			e.key *= by
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	return out
}

func appendBundle(dst []byte, values, hours []entry) []byte {
	last := uint64(0)
	same := func(list []entry, u uint64) (n int) {
		for n < len(list) && list[n].key>>8 == u {
			n++
		}
		return n
	}
	for len(values)+len(hours) > 0 {
		u := ^uint64(0)
		if len(values) > 0 {
			u = min(u, values[0].key>>8)
		}
		if len(hours) > 0 {
			u = min(u, hours[0].key>>8)
		}
		v, h := same(values, u), same(hours, u)
		dst = binary.AppendUvarint(dst, u-last)
		dst = appendToken(dst, values[:v], hours[:h])
		last, values, hours = u, values[v:], hours[h:]
	}
	return dst
}

// appendToken writes the tokens of equal upper bits, which are one but for a chance of one in many millions.
func appendToken(dst []byte, values, hours []entry) []byte {
	switch {
	case len(values) == 1 && len(hours) == 0 && values[0].bad == 0:
		dst = binary.AppendUvarint(dst, uint64(values[0].good)<<3)
		return append(dst, byte(values[0].key))
	case len(values) == 1 && len(hours) == 0:
		dst = binary.AppendUvarint(dst, uint64(values[0].good)<<3|4)
		dst = append(dst, byte(values[0].key))
		return binary.AppendUvarint(dst, uint64(values[0].bad))
	case len(values) == 1 && addUp(values[0], hours):
		dst = binary.AppendUvarint(dst, uint64(len(hours))<<2|1)
		dst = append(dst, byte(values[0].key))
		for _, e := range hours {
			dst = appendCounts(append(dst, byte(e.key)^byte(values[0].key)), e)
		}
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(len(values))<<2|2)
	for _, e := range values {
		dst = appendCounts(append(dst, byte(e.key)), e)
	}
	dst = binary.AppendUvarint(dst, uint64(len(hours)))
	for _, e := range hours {
		dst = appendCounts(append(dst, byte(e.key)), e)
	}
	return dst
}

func addUp(value entry, hours []entry) bool {
	good, bad := uint32(0), uint32(0)
	for _, e := range hours {
		good, bad = saturate(good, e.good), saturate(bad, e.bad)
	}
	return good == value.good && bad == value.bad
}

func appendCounts(dst []byte, e entry) []byte {
	if e.bad == 0 {
		return binary.AppendUvarint(dst, uint64(e.good)<<1)
	}
	return binary.AppendUvarint(binary.AppendUvarint(dst, uint64(e.good)<<1|1), uint64(e.bad))
}

// A Bundle adds up bundles of one key.
type Bundle struct {
	table Table
	group Group
}

// NewBundle returns an empty bundle of a table, as [Counts.EachBundle] names it.
func NewBundle(table Table) *Bundle { return &Bundle{table: table} }

// Add adds the counts of a bundle.
func (b *Bundle) Add(value []byte) error { return b.group.addBundle(b.table, value) }

// Append appends the sum to dst and empties the bundle. It is the same for the same sum, however it came together. The error is
// nil.
func (b *Bundle) Append(dst []byte) ([]byte, error) {
	values, hours := b.group.sortedEntries(b.table)
	b.group = Group{}
	return appendBundle(dst, values, hours), nil
}

// AddBundle adds the counts of a bundle to those of a field.
func (c *Counts) AddBundle(field string, table Table, value []byte) error {
	return c.Group(field).addBundle(table, value)
}

// addBundle adds what a bundle holds. Its bytes come from other machines: whatever they are, it takes no more memory than they
// have bytes for.
func (g *Group) addBundle(table Table, value []byte) error {
	if table > Parts {
		return fmt.Errorf("%w: there is no table %d", ErrBundle, table)
	}
	d := bundleDecoder{wire.Reader{Rest: value}}
	to := &g.values
	if table == Parts {
		to = &g.parts
	}
	u := uint64(0)
	for len(d.Rest) > 0 {
		u += d.Uvarint()
		head := d.Uvarint()
		switch {
		case u>>56 != 0:
			d.Spoil()
		case head&3 == 0:
			e := entry{key: u<<8 | uint64(d.Byte()), good: d.count(head >> 3)}
			if head&4 != 0 {
				e.bad = d.count(d.Uvarint())
			}
			d.add(to, e)
		case head&3 == 1 && table == Values:
			low := d.Byte()
			sum := entry{key: u<<8 | uint64(low)}
			for n := head >> 2; n > 0 && !d.Bad; n-- {
				e := d.entry(0)
				e.key = (u<<8 | uint64(byte(e.key)^low)) * hourKey
				sum.good, sum.bad = saturate(sum.good, e.good), saturate(sum.bad, e.bad)
				d.add(&g.hours, e)
			}
			d.add(to, sum)
		case head&3 == 2:
			for n := head >> 2; n > 0 && !d.Bad; n-- {
				d.add(to, d.entry(u))
			}
			n := d.Uvarint()
			if n > 0 && table != Values {
				d.Spoil()
			}
			for ; n > 0 && !d.Bad; n-- {
				e := d.entry(u)
				e.key *= hourKey
				d.add(&g.hours, e)
			}
		default:
			d.Spoil()
		}
	}
	if d.Bad {
		return fmt.Errorf("%w of field %q", ErrBundle, g.Name)
	}
	return nil
}

type bundleDecoder struct{ wire.Reader }

func (d *bundleDecoder) add(t *table, e entry) {
	if e.key == 0 || e.good == 0 && e.bad == 0 {
		d.Spoil()
	}
	if !d.Bad {
		t.add(e.key, e.good, e.bad)
	}
}

func (d *bundleDecoder) count(x uint64) uint32 {
	if x > math.MaxUint32 {
		d.Spoil()
	}
	return uint32(x)
}

func (d *bundleDecoder) entry(u uint64) entry {
	e := entry{key: u<<8 | uint64(d.Byte())}
	n := d.Uvarint()
	e.good = d.count(n >> 1)
	if n&1 != 0 {
		e.bad = d.count(d.Uvarint())
	}
	return e
}

// AppendHead appends what a field's counts hold besides tokens: whether whole values are counted by hour, and the records
// with the field by class and hour of the week. Heads add ([Group.AddHead]).
func (g *Group) AppendHead(dst []byte) []byte {
	hourly := uint64(0)
	if g.Hourly {
		hourly = 1
	}
	return AppendHours(binary.AppendUvarint(dst, hourly), &g.Events)
}

// AddHead adds a head that AppendHead wrote.
func (g *Group) AddHead(head []byte) error {
	d := wire.Reader{Rest: head}
	hourly := d.UpTo(1)
	if d.Bad {
		return fmt.Errorf("%w of field %q", ErrBundle, g.Name)
	}
	g.Hourly = g.Hourly || hourly == 1
	rest, err := AddHours(&g.Events, d.Rest)
	if err == nil && len(rest) > 0 {
		err = ErrBundle
	}
	return err
}

// AppendHours appends numbers by class and hour of the week.
func AppendHours(dst []byte, n *[2][HoursOfWeek]uint64) []byte {
	for class := range n {
		used := 0
		for _, x := range n[class] {
			if x > 0 {
				used++
			}
		}
		dst = binary.AppendUvarint(dst, uint64(used))
		for h, x := range n[class] {
			if x > 0 {
				dst = binary.AppendUvarint(append(dst, byte(h)), x)
			}
		}
	}
	return dst
}

// AddHours adds what AppendHours wrote, and returns the bytes behind it.
func AddHours(n *[2][HoursOfWeek]uint64, from []byte) (rest []byte, err error) {
	d := wire.Reader{Rest: from}
	for class := range n {
		for k := d.Uvarint(); k > 0 && !d.Bad; k-- {
			h := int(d.Byte())
			if h >= HoursOfWeek {
				d.Spoil()
				break
			}
			n[class][h] += d.Uvarint()
		}
	}
	if d.Bad {
		return nil, fmt.Errorf("%w: numbers by hour", ErrBundle)
	}
	return d.Rest, nil
}
