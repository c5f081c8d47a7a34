package decide

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// kindOf says what a node is, for messages.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a block of keys"
	case yaml.SequenceNode:
		if len(n.Content) == 0 {
			return "an empty list"
		}
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	return say(n)
}

// say quotes a node's value, for messages.
func say(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		return kindOf(n)
	}
	return strconv.Quote(cut(n.Value))
}

// cut shortens text for messages.
func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}

// meant suggests what somebody wanted to write, as " (did you mean breach?)", or is empty.
func meant(text string, names []string) string {
	if best := nearest(text, names); best != "" {
		return fmt.Sprintf(" (did you mean %s?)", best)
	}
	return ""
}

// nearest returns the name that text is most like, or "" if it is like none.
func nearest(text string, names []string) string {
	if len(text) > 40 {
		return ""
	}
	best, least := "", 1+len(text)/3
	for _, n := range names {
		if d := editDistance(strings.ToLower(text), n); d <= least && (best == "" || d < least) {
			best, least = n, d
		}
	}
	return best
}

// editDistance is Levenshtein's, of bytes, where neighbours that are swapped count one.
func editDistance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for k := range len(b) + 1 {
		rows[0][k] = k
	}
	for i := 1; i <= len(a); i++ {
		for k := 1; k <= len(b); k++ {
			d := rows[i-1][k-1]
			if a[i-1] != b[k-1] {
				d++
			}
			d = min(d, rows[i-1][k]+1, rows[i][k-1]+1)
			if i > 1 && k > 1 && a[i-1] == b[k-2] && a[i-2] == b[k-1] {
				d = min(d, rows[i-2][k-2]+1)
			}
			rows[i][k] = d
		}
	}
	return rows[len(a)][len(b)]
}

func (r *policyReader) text(n *yaml.Node, what string, to *string) {
	if n.Kind != yaml.ScalarNode || strings.TrimSpace(n.Value) == "" {
		r.fault(n, "%s is %s; write text", what, kindOf(n))
		return
	}
	*to = n.Value
}

// number reads a number that is not negative.
func (r *policyReader) number(n *yaml.Node, to *float64) bool {
	x, err := plainNumber(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		r.fault(n, "%s is no number; write one as 12 or 12.5", kindOf(n))
		return false
	}
	switch {
	case x < 0:
		r.fault(n, "%s is negative; write 0 or more", say(n))
		return false
	case x > maxAmount:
		r.fault(n, "%s is too large; write a number that means something, as 12", say(n))
		return false
	}
	*to = x
	return true
}

// amount reads an amount of the policy's currency.
func (r *policyReader) amount(n *yaml.Node, to *float64) {
	if n.Kind != yaml.ScalarNode {
		r.fault(n, "%s is no amount; write one as 12.50", kindOf(n))
		return
	}
	text := strings.TrimSpace(n.Value)
	unit := ""
	if before, after, ok := strings.Cut(text, " "); ok {
		switch after = strings.TrimSpace(after); {
		case isCurrency(before):
			unit, text = before, after
		case isCurrency(after):
			text, unit = before, after
		}
	} else if len(text) > 3 && isCurrency(text[len(text)-3:]) {
		text, unit = text[:len(text)-3], text[len(text)-3:]
	} else if len(text) > 3 && isCurrency(text[:3]) {
		unit, text = text[:3], text[3:]
	}
	x, err := plainNumber(text)
	switch {
	case err != nil:
		r.fault(n, "%s is no amount; write one as 12.50 or 12.50 %s, with a point before the cents and nothing between thousands", say(n), orEUR(r.p.Currency))
	case unit != "" && r.p.Currency != "" && unit != r.p.Currency:
		r.fault(n, "%s is in %s, and the policy in %s; convert it, since weir knows no rates", say(n), unit, r.p.Currency)
	case x < 0:
		r.fault(n, "%s is negative; write what it costs, or 0", say(n))
	case x > maxAmount:
		r.fault(n, "%s is more than all the money there is", say(n))
	default:
		*to = x
	}
}

func orEUR(currency string) string {
	if currency == "" {
		return "EUR"
	}
	return currency
}

// share reads a share, as .05 or 5 %.
func (r *policyReader) share(n *yaml.Node, to *float64) {
	text, percent := strings.CutSuffix(strings.TrimSpace(n.Value), "%")
	x, err := plainNumber(strings.TrimSpace(text))
	if percent {
		x /= 100
	}
	switch {
	case n.Kind != yaml.ScalarNode || err != nil:
		r.fault(n, "%s is no share; write one as 0.05 or 5 %%", kindOf(n))
	case x < 0 || x > 1:
		r.fault(n, "%s is no share; it has to be from 0 to 1, or from 0 %% to 100 %%", say(n))
	default:
		*to = x
	}
}

// plainNumber reads a decimal number. Hexadecimal ones, infinity and underscores are none.
func plainNumber(text string) (float64, error) {
	if text == "" || strings.Trim(text, "0123456789.eE+-") != "" {
		return 0, errors.New("no number")
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		return 0, errors.New("no number")
	}
	return x, nil
}

// isCurrency reports whether text looks like a currency's code of ISO 4217.
func isCurrency(text string) bool {
	return len(text) == 3 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// parseDuration reads a time as 10m, 4h or 7d: whole seconds, from one to 366 days.
func parseDuration(text string) (time.Duration, error) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	if len(text) < 2 {
		return 0, errors.New("no time")
	}
	unit, ok := units[text[len(text)-1]]
	n, err := strconv.ParseUint(strings.TrimSpace(text[:len(text)-1]), 10, 32)
	if !ok || err != nil || n == 0 || time.Duration(n) > maxDuration/unit {
		return 0, errors.New("no time")
	}
	return time.Duration(n) * unit, nil
}
