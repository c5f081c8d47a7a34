package term

import (
	"math"
	"testing"
)

func TestAmount(t *testing.T) {
	for _, c := range []struct {
		x        float64
		currency string
		want     string
	}{
		{0, "", "0"}, {math.Copysign(0, -1), "EUR", "0 EUR"}, {.0049, "EUR", "< 0.01 EUR"}, {-.0049, "", "> -0.01"}, {.005, "", "0.01"},
		{1.5, "EUR", "1.50 EUR"}, {99.994, "", "99.99"}, {3, "", "3"}, {-12.5, "CHF", "-12.50 CHF"}, {6176.4, "EUR", "6,176 EUR"},
		{-1234567.5, "", "-1,234,568"}, {99_999_999_999_999, "", "99,999,999,999,999"}, {1e15, "", "1e+15"}, {1e308, "EUR", "1e+308 EUR"},
		{math.Inf(1), "", "+Inf"}, {math.NaN(), "", "NaN"}, {1, "\x1b[31m", "1 \\x1b[31m"},
	} {
		if got := Amount(c.x, c.currency); got != c.want {
			t.Errorf("Amount(%v, %q) = %q, want %q", c.x, c.currency, got, c.want)
		}
	}
}
