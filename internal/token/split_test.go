package token

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// borders reads a range that appendRange wrote of a number that is not negative.
func borders(t *testing.T, s string) (low, high float64) {
	t.Helper()
	a, b, found := strings.Cut(s, "..")
	if !found {
		b = a
	}
	low, err := strconv.ParseFloat(a, 64)
	if err != nil {
		t.Fatalf("range %q: %v", s, err)
	}
	if high, err = strconv.ParseFloat(b, 64); err != nil {
		t.Fatalf("range %q: %v", s, err)
	}
	return low, high
}

func TestRange(t *testing.T) {
	for in, want := range map[string]string{
		// The half-octaves of n+1: the k-th begins at the smallest whole number that is at least 2^(k/2).
		"0": "0", "1": "1", "2": "2", "3": "3..4", "4": "3..4", "5": "5..6", "6": "5..6", "7": "7..10", "10": "7..10",
		"11": "11..14", "200": "181..254", "404": "362..510", "510": "362..510", "511": "511..723", "65534": "46340..65534",
		"65535": "65535..92680", "007": "7..10", "-0": "0", "-1": "-1", "-3": "-3..4",
		"0.0": "0", "0.001": "0.001", "0.25": "0.181..0.254", "1.5": "1.448..2.046", "1e3": "741.455..1048.574", "-0.5": "-0.362..0.51",
		"4294967295": "4294967295..6074000998",
	} {
		if got := string(appendRange(nil, []byte(in))); got != want {
			t.Errorf("range of %s: %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{"", "-", "--1", "1-", "+1", "1,5", "1x", "0x10", "Inf", "NaN", "1e999", "1e301", "-1e308", "1.2.3", "e", ".", "1_0",
		strings.Repeat("1", 33)} {
		if got := appendRange(nil, []byte(in)); got != nil {
			t.Errorf("%q is taken for a number: %q", in, got)
		}
	}
}

// TestRangesPartition: every whole number is within its range, and a range begins where the one before ends.
func TestRangesPartition(t *testing.T) {
	end := -1.0
	for n := 0; n <= 200_000; n++ {
		low, high := borders(t, string(appendRange(nil, strconv.AppendInt(nil, int64(n), 10))))
		if float64(n) > end { // a new range
			if low != end+1 || low != float64(n) {
				t.Fatalf("the range of %d begins at %v, the one before ends at %v", n, low, end)
			}
			end = high
		}
		if high != end || float64(n) > high {
			t.Fatalf("%d is in %v..%v, its neighbours end at %v", n, low, high, end)
		}
	}
	for k := 2; k < 104; k++ { // borders up to 2^52, where float64 still holds every whole number
		low, next := halfOctave(k), halfOctave(k+1)
		if square := low * low; k < 50 && (square < math.Ldexp(1, k) || (low-1)*(low-1) >= math.Ldexp(1, k)) {
			t.Errorf("half-octave %d begins at %v", k, low)
		}
		for _, n := range []float64{low, next - 1} {
			got := string(appendRange(nil, strconv.AppendFloat(nil, n-1, 'f', 0, 64)))
			if a, b := borders(t, got); a != low-1 || b != next-2 {
				t.Fatalf("%v is in %s, want %v..%v", n-1, got, low-1, next-2)
			}
		}
	}
}

func TestRangesOfFractions(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		x := math.Exp2(random.Float64()*40 - 12)
		text := strconv.FormatFloat(x, 'f', 6, 64)
		x, _ = strconv.ParseFloat(text, 64)
		low, high := borders(t, string(appendRange(nil, []byte(text))))
		if thousandths := math.Floor(x*1000) / 1000; thousandths < low || thousandths > high {
			t.Fatalf("%s is in %v..%v", text, low, high)
		}
	}
}

// TestBounds: whatever the value, its parts are bounded in number and in length.
func TestBounds(t *testing.T) {
	c := NewCodifier(1, invented())
	var value strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&value, "p%d=%%27<x%d>/a%dz&", i, i*7919%10007, i)
	}
	for _, v := range []string{value.String(), strings.Repeat("a", 1<<20), strings.Repeat("a b ", 1<<18), strings.Repeat("/a'b", 1<<18),
		strings.Repeat("%25", 1<<18), strings.Repeat("\x00", 1<<16), "http://" + value.String()} {
		for kind := auto; kind <= mailbox; kind++ {
			f := Feature{Field: c.Field("x"), Value: []byte(v), Raw: []byte(v), Kind: kind}
			f.Hash = f.Field.Hash(f.Value)
			tokens := c.Tokens(&f)
			// The most there can be: for each parameter its name, its shape, words and grams; for each segment grams.
			if most := maxWords*(3+maxWords+maxGrams) + 1000; len(tokens) > most {
				t.Errorf("kind %d of %.20q: %d tokens", kind, v, len(tokens))
			}
			for _, x := range tokens[1:] {
				if len(x.Text) > maxText+1+32 { // a parameter's name and its shape
					t.Errorf("kind %d of %.20q: a %v of %d bytes", kind, v, x.Kind, len(x.Text))
				}
			}
		}
	}
}
