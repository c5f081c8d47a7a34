package forest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// A forest is kept as
//
//	"weirtree"  format version, 1 byte
//	trees       uvarint
//	columns     uvarint, and for each
//	    name        uvarint length, bytes
//	    kind        1 byte: 0 numbers, 1 categories
//	    numbers:    edges        uvarint, then 8 bytes each, IEEE 754, ascending
//	    categories: categories   uvarint, then 4 bytes of hash and 1 byte of bin each, hashes ascending
//	trees, one after another: the nodes, a split before its left and then its right side, each
//	    ask         uvarint: 0 for a leaf, else 1 + 3·column + 0 if what is missing goes left, 1 if it goes right, 2 if
//	                all but the bin of the cut does, which is for categories only
//	    cut         1 byte: bins up to this go left; splits only
//	    share       1 byte: the share of bad, from 0 for log-odds of −11 to 255 for 11
//
// with the lower byte of a number first. Where a node's right side begins follows from where its left side ends, so no
// file can lead a walk backwards.
const (
	magic   = "weirtree"
	version = 1
)

const maxName = 1 << 16

// trim drops the edges that no node asks for, and the categories of columns that none does.
func (f *Forest) trim() {
	kept := make([][256]bool, len(f.scales))
	for _, n := range f.nodes {
		if !n.leaf() {
			kept[n.column()][n.cut()] = true
		}
	}
	cuts := make([][256]uint8, len(f.scales)) // what becomes of a cut
	for j := range f.scales {
		s := &f.scales[j]
		if kept[j] == [256]bool{} {
			*s = scale{category: s.category}
		}
		if s.category {
			for b := range cuts[j] {
				cuts[j][b] = uint8(b)
			}
			continue
		}
		var edges []float64
		for k, edge := range s.edges {
			if kept[j][k+1] { // cut k+1 is at edge k
				edges = append(edges, edge)
			}
			cuts[j][k+1] = uint8(len(edges))
		}
		for b := len(s.edges) + 1; b <= above; b++ {
			cuts[j][b] = uint8(len(edges) + 1)
		}
		s.edges = edges
	}
	for i, n := range f.nodes {
		if !n.leaf() {
			f.nodes[i].to = n.to&^0xff | uint32(cuts[n.column()][n.cut()])
		}
	}
}

// Append adds the forest's bytes to b. The same forest gives the same bytes.
func (f *Forest) Append(b []byte) []byte {
	b = append(b, magic...)
	b = append(b, version)
	b = binary.AppendUvarint(b, uint64(len(f.roots)))
	b = binary.AppendUvarint(b, uint64(len(f.columns)))
	for j, c := range f.columns {
		b = binary.AppendUvarint(b, uint64(len(c.Name)))
		b = append(b, c.Name...)
		s := &f.scales[j]
		if c.Category {
			b = append(b, 1)
			b = binary.AppendUvarint(b, uint64(len(s.categories)))
			for k, h := range s.categories {
				b = binary.LittleEndian.AppendUint32(b, h)
				b = append(b, s.bins[k])
			}
			continue
		}
		b = append(b, 0)
		b = binary.AppendUvarint(b, uint64(len(s.edges)))
		for _, e := range s.edges {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(e))
		}
	}
	for _, n := range f.nodes {
		if n.leaf() {
			b = append(b, 0)
		} else {
			side := uint64(n.ask & 1)
			if n.ask&alone != 0 {
				side = 2
			}
			b = binary.AppendUvarint(b, 1+3*uint64(n.column())+side)
			b = append(b, n.cut())
		}
		b = append(b, n.share)
	}
	return b
}

// Parse reads what [Forest.Append] wrote. It trusts none of it: every forest that it returns is safe to score with, and it
// takes no more memory than some multiple of len(b). It keeps nothing of b.
func Parse(b []byte) (*Forest, error) {
	if len(b) < len(magic)+1 || string(b[:len(magic)]) != magic {
		return nil, errors.New("cannot read forest: it does not begin like one")
	}
	if v := b[len(magic)]; v != version {
		return nil, fmt.Errorf("cannot read forest: its format is version %d, this weir knows %d", v, version)
	}
	p := &parser{rest: b[len(magic)+1:]}
	f := p.forest()
	if p.err == nil && len(p.rest) > 0 {
		p.fail("%d bytes are left over", len(p.rest))
	}
	if p.err != nil {
		return nil, fmt.Errorf("cannot read forest: %w", p.err)
	}
	f.finish()
	return f, nil
}

// A parser takes from the front of rest. After the first failure there is nothing left to take.
type parser struct {
	rest []byte
	err  error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
	p.rest = nil
}

func (p *parser) bytes(n int) []byte {
	if n > len(p.rest) {
		p.fail("it ends early")
		return nil
	}
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}

func (p *parser) byte() byte {
	if b := p.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// uvarint takes a number from low to high.
func (p *parser) uvarint(what string, low, high int) int {
	n, k := binary.Uvarint(p.rest)
	switch {
	case k <= 0:
		p.fail("it ends early")
		return 0
	case k > 1 && p.rest[k-1] == 0: // a second spelling of the same forest
		p.fail("the number of %s is written too long", what)
		return 0
	case n < uint64(low) || n > uint64(high):
		p.fail("the number of %s is %d, not from %d to %d", what, n, low, high)
		return 0
	}
	p.rest = p.rest[k:]
	return int(n)
}

// count takes a number of things that follow, of at least size bytes each.
func (p *parser) count(what string, low, high, size int) int {
	n := p.uvarint(what, low, high)
	if n > len(p.rest)/size {
		p.fail("it ends early")
		return 0
	}
	return n
}

func (p *parser) forest() *Forest {
	trees := p.count("trees", 1, MaxTrees, 2)
	columns := p.count("columns", 1, MaxColumns, 3)
	f := &Forest{}
	for range columns {
		name := string(p.bytes(p.count("bytes of a name", 0, maxName, 1)))
		kind := p.byte()
		if kind > 1 {
			p.fail("column %q is of kind %d", name, kind)
		}
		s := scale{category: kind == 1}
		if s.category {
			p.categories(&s, name)
		} else {
			p.edges(&s, name)
		}
		f.columns = append(f.columns, Column{Name: name, Category: s.category})
		f.scales = append(f.scales, s)
	}
	for range trees {
		f.roots = append(f.roots, len(f.nodes))
		p.tree(f)
	}
	return f
}

func (p *parser) edges(s *scale, name string) {
	n := p.count("edges", 0, maxBins-1, 8)
	for range n {
		b := p.bytes(8)
		if b == nil {
			return
		}
		e := math.Float64frombits(binary.LittleEndian.Uint64(b))
		if math.IsNaN(e) || math.IsInf(e, 0) || len(s.edges) > 0 && e <= s.edges[len(s.edges)-1] {
			p.fail("the edges of column %q do not ascend", name)
			return
		}
		s.edges = append(s.edges, e)
	}
}

func (p *parser) categories(s *scale, name string) {
	n := p.count("categories", 0, maxCategories, 5)
	for range n {
		b := p.bytes(5)
		if b == nil {
			return
		}
		h, bin := binary.LittleEndian.Uint32(b), b[4]
		if len(s.categories) > 0 && h <= s.categories[len(s.categories)-1] {
			p.fail("the categories of column %q do not ascend", name)
			return
		}
		if bin == below || bin == above {
			p.fail("a category of column %q has bin %d", name, bin)
			return
		}
		s.categories = append(s.categories, h)
		s.bins = append(s.bins, bin)
	}
}

// tree takes the nodes of one tree.
func (p *parser) tree(f *Forest) {
	type open struct{ at, depth int }
	var lefts []open // splits whose left side is being read
	first, depth := len(f.nodes), 0
	for {
		at := len(f.nodes)
		if at-first >= maxSkip {
			p.fail("a tree has more than %d nodes", maxSkip)
			return
		}
		ask := p.uvarint("a node's column", 0, 3*len(f.columns))
		n := node{ask: nowhere}
		if ask > 0 {
			n.ask, n.to = uint16((ask-1)/3*2), uint32(p.byte())
			switch (ask - 1) % 3 {
			case 1:
				n.ask |= 1
			case 2:
				n.ask |= alone
			}
		}
		n.share = p.byte()
		if p.err != nil {
			return
		}
		f.nodes = append(f.nodes, n)
		if ask > 0 {
			s := &f.scales[n.column()]
			switch {
			case depth == MaxDepth:
				p.fail("a tree is deeper than %d", MaxDepth)
				return
			case n.ask&alone != 0 && (!s.category || n.cut() == below):
				p.fail("column %q has no bin %d", f.columns[n.column()].Name, n.cut())
				return
			case s.category && n.cut() > maxBins, !s.category && int(n.cut()) > len(s.edges):
				p.fail("column %q has no cut %d", f.columns[n.column()].Name, n.cut())
				return
			}
			lefts = append(lefts, open{at, depth})
			depth++
			continue
		}
		// The leaf ends the left side of the last split that has one open; right sides that it ends as well, end with it.
		if len(lefts) == 0 {
			return
		}
		last := lefts[len(lefts)-1]
		lefts = lefts[:len(lefts)-1]
		f.nodes[last.at].to |= uint32(len(f.nodes)-last.at) << 8
		depth = last.depth + 1
	}
}
