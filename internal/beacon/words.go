package beacon

import (
	"strconv"
	"time"
)

// shortSeconds writes a length of time in its natural unit.
func shortSeconds(s float64) string {
	number := func(x float64) string {
		digits := 1
		if x >= 100 || x == float64(int64(x)) {
			digits = 0
		}
		return strconv.FormatFloat(x, 'f', digits, 64)
	}
	switch d := time.Duration(s * 1e9); {
	case s < 1:
		return strconv.FormatFloat(s*1000, 'f', 0, 64) + " ms"
	case d < 2*time.Minute:
		return number(s) + " s"
	case d < 2*time.Hour:
		return number(s/60) + " min"
	case d < 48*time.Hour:
		return number(s/3600) + " h"
	}
	return number(s/86400) + " d"
}
