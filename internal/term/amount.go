package term

import (
	"fmt"
	"math"
)

// Amount writes an amount of money with as many digits as matter, and its currency, which may be empty: 6,176 EUR, 0.57 EUR,
// < 0.01 EUR. What is not nothing is not written as 0.
func Amount(x float64, currency string) string {
	text := ""
	switch a := math.Abs(x); {
	case !(a < 1e15):
		text = fmt.Sprintf("%.3g", x)
	case a >= 100 || a == math.Trunc(a):
		text = Count(int64(math.Round(x)))
	case a < .005 && x > 0:
		text = "< 0.01"
	case a < .005:
		text = "> -0.01"
	default:
		text = fmt.Sprintf("%.2f", x)
	}
	if currency != "" {
		text += " " + Clean(currency)
	}
	return text
}
