package profile

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

// TestBundles ships shares of acts as bundles, some of them added up on the way, and compares with learning everything in one.
func TestBundles(t *testing.T) {
	type key struct{ aspect, number int }
	r := rand.New(rand.NewPCG(1, 2))
	for _, budget := range []int{Budget, 900, 150, 40, 3} {
		for bits := range uint(4) {
			all := acts(r, 6000, 200)
			want := encoded(t, learn(all, budget))
			shipped, limits := map[key][][]byte{}, [][]byte{}
			for len(all) > 0 {
				n := 1 + r.IntN(len(all))
				p := learn(all[:n], budget)
				all = all[n:]
				if err := p.EachBundle(bits, func(aspect, number int, value []byte) error {
					if number < 0 || number >= 1<<bits {
						t.Fatalf("bundle %d by %d bits", number, bits)
					}
					k := key{aspect, number}
					shipped[k] = append(shipped[k], value)
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				limits = append(limits, p.AppendLimits(nil))
			}
			got := sized(3, budget)
			for i := range limits {
				least, err := MergeLimits(limits[0], limits[i])
				if err != nil {
					t.Fatal(err)
				}
				limits[0] = least
			}
			if bits%2 == 0 { // before, or after what they are of
				if err := got.AddLimits(limits[0]); err != nil {
					t.Fatal(err)
				}
			}
			for k, list := range shipped {
				r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
				cut := r.IntN(len(list) + 1)
				one, other := NewBundle(), NewBundle()
				for i := range cut {
					if err := errors.Join(one.Add(list[i]), other.Add(list[cut-1-i])); err != nil {
						t.Fatal(err)
					}
				}
				sum, _ := one.Append(nil)
				if also, _ := other.Append(nil); !bytes.Equal(sum, also) {
					t.Fatal("the sum of bundles depends on their order")
				}
				for _, v := range append([][]byte{sum}, list[cut:]...) {
					if err := got.AddBundle(k.aspect, v); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := got.AddLimits(limits[0]); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(encoded(t, got), want) {
				t.Errorf("budget %d, %d bits: bundles give another profile", budget, bits)
			}
		}
	}
}

func FuzzBundle(f *testing.F) {
	p := learn(acts(rand.New(rand.NewPCG(1, 2)), 60, 10), Budget)
	_ = p.EachBundle(0, func(_, _ int, value []byte) error {
		f.Add(value)
		return nil
	})
	f.Fuzz(func(t *testing.T, value []byte) {
		b := NewBundle()
		if err := b.Add(value); err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		again := NewBundle()
		out, _ := b.Append(nil)
		if err := again.Add(out); err != nil {
			t.Fatal(err)
		}
		if same, _ := again.Append(nil); !bytes.Equal(same, out) {
			t.Fatal("what was read is not what was written")
		}
	})
}
