package token

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
	"testing"
)

// TestQuickLooks compares what is read by hand with what the standard library reads.
func TestQuickLooks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	values := []string{"1.2.3.4", "255.255.255.255", "256.1.1.1", "01.2.3.4", "0.0.0.0", "1.2.3", "1.2.3.4.5", "1..2.3", ".1.2.3", "1.2.3.",
		"1.2.3.4%1", "1.", ".5", "-.5", ".", "-.", "1e5", "1e+5", "1e", "1e-", "1.5E300", "1.2e3.4", "1e5x", "-1.5", "e5"}
	for range 200_000 {
		b := make([]byte, 1+r.IntN(9))
		for i := range b {
			b[i] = "0123456789...-+eE25"[r.IntN(19)]
		}
		values = append(values, string(b))
	}
	for _, v := range values {
		_, err := netip.ParseAddr(v)
		if got := isDotted([]byte(v)); got != (err == nil) {
			t.Fatalf("%q: an address: %v", v, got)
		}
		if v[0] == '+' { // parseNumber takes none
			continue
		}
		if _, err := strconv.ParseFloat(v, 64); isDecimal([]byte(v)) != (err == nil || err.(*strconv.NumError).Err == strconv.ErrRange) {
			t.Fatalf("%q: a number: %v", v, isDecimal([]byte(v)))
		}
	}
}
