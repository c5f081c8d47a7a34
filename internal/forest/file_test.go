package forest

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	r := invented(11, 800, 6)
	f := fit(t, r, nil, Options{Trees: 30})
	b := f.Append([]byte("before"))
	b = bytes.TrimPrefix(b, []byte("before"))
	g, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(g.Append(nil), b) || !slices.Equal(g.Columns(), r.Columns) || g.Trees() != 30 {
		t.Fatal("another forest comes back")
	}
	one, two := make([]float64, len(r.Columns)), make([]float64, len(r.Columns))
	for i := range r.Len() {
		row := r.Row(i)
		if f.Score(row) != g.Score(row) || f.Contributions(row, one) != g.Contributions(row, two) || !slices.Equal(one, two) {
			t.Fatalf("row %d scores %v, %v when read back", i, f.Score(row), g.Score(row))
		}
	}
	for n := range len(b) {
		if _, err := Parse(b[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes are taken", n, len(b))
		}
	}
	if _, err := Parse(append(slices.Clone(b), 0)); err == nil {
		t.Error("a byte more is taken")
	}
}

func TestParseRefuses(t *testing.T) {
	const head = magic + "\x01"
	chain := strings.Repeat("\x01\x00\x80", MaxDepth+1) + strings.Repeat("\x00\x80", MaxDepth+2)
	right := strings.Repeat("\x01\x00\x80\x00\x80", MaxDepth+1) + "\x00\x80"
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", "begin"},
		{"another file", "{\"version\":1,\"scheme\":2}", "begin"},
		{"a later version", magic + "\x02", "version 2"},
		{"no trees", head + "\x00\x01\x00\x00\x00", "number of trees is 0"},
		{"trees that are not there", head + "\x80\x10\x01\x00", "ends early"},
		{"too many trees", head + "\x81\x20\x01\x00", "number of trees is 4097"},
		{"a long number", head + "\x81\x00\x01\x01x\x00\x00\x00\x00\x00\x00\x00", "too long"},
		{"no columns", head + "\x01\x00\x00\x00\x00", "number of columns"},
		{"a kind", head + "\x01\x01\x01x\x02\x00\x00\x00\x00", "of kind 2"},
		{"edges", head + "\x01\x01\x01x\x00\x02" + strings.Repeat("\x00", 19), "ascend"},
		{"an edge that is no number", head + "\x01\x01\x01x\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00", "ascend"},
		{"categories", head + "\x01\x01\x01x\x01\x02" + strings.Repeat("\x00\x00\x00\x00\x01", 2) + "\x00\x00\x00", "ascend"},
		{"a category that is missing", head + "\x01\x01\x01x\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00", "has bin 0"},
		{"a column that is not there", head + "\x01\x01\x01x\x00\x00\x04\x00\x00\x00\x00\x00\x00", "not from 0 to 3"},
		{"a cut that is not there", head + "\x01\x01\x01x\x00\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00", "no cut 1"},
		{"a number alone", head + "\x01\x01\x01x\x00\x00\x03\x00\x00\x00\x00\x00\x00", "no bin 0"},
		{"half a split", head + "\x01\x01\x01x\x00\x00\x01\x00\x00\x00\x00", "ends early"},
		{"too deep", head + "\x01\x01\x01x\x00\x00" + chain, "deeper"},
		{"too deep on the right", head + "\x01\x01\x01x\x00\x00" + right, "deeper"},
	} {
		if _, err := Parse([]byte(c.in)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// FuzzParse: no panic; what is taken scores in bounds, and writes the bytes it was read from.
func FuzzParse(f *testing.F) {
	for _, n := range []int{1, 50, 300} {
		f.Add(fit(f, invented(uint64(n), n, n%4), nil, Options{Trees: 1 + n%7}).Append(nil), 0., 1.)
	}
	f.Add([]byte(magic+"\x01\x01\x01\x01x\x00\x00\x00\xff"), math.NaN(), math.Inf(1))
	f.Fuzz(func(t *testing.T, b []byte, x, y float64) {
		g, err := Parse(b)
		if err != nil {
			return
		}
		if !bytes.Equal(g.Append(nil), b) {
			t.Fatal("other bytes come back")
		}
		row := make([]float64, len(g.Columns()))
		for j := range row {
			row[j] = x
			if j%2 == 1 {
				row[j] = y
			}
		}
		dst := make([]float64, len(row))
		sum := g.Contributions(row, dst)
		for _, c := range dst {
			sum += c
		}
		s := g.Score(row)
		if !(math.Abs(s) < 11.1) || !(math.Abs(sum-s) < 1e-6) {
			t.Fatalf("a score of %v, contributions of %v", s, sum)
		}
	})
}

func TestShares(t *testing.T) {
	for i := 1; i < len(shares); i++ {
		if shares[i] <= shares[i-1] {
			t.Fatalf("share %d is %d, the one before %d", i, shares[i], shares[i-1])
		}
	}
	for i, s := range shares {
		if got := nearest(float64(s) / full); int(got) != i {
			t.Errorf("share %d is found at %d", i, got)
		}
	}
	if nearest(0) != 0 || nearest(1) != 255 || shares[0]+shares[255] != full {
		t.Error("shares do not end alike")
	}
}
