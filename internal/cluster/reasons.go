package cluster

import (
	"slices"
	"strings"

	"weir/internal/hunt"
	"weir/internal/token"
)

// slight is a vote that is no reason to tell.
const slight = .1

// Reasons picks at most n clues for bad that explain a step, strongest first: those that were not seen in steps before it and
// that not every suspect has come first; one that says in words how somebody usually acts is always among them, if there is one.
func Reasons(evidence []hunt.Evidence, n int, seen map[string]bool) []hunt.Evidence {
	var out []hunt.Evidence
	add := func(fits func(e *hunt.Evidence) bool, most int) {
		for i := range evidence {
			e := &evidence[i]
			if len(out) < most && e.Vote >= slight && fits(e) && !slices.ContainsFunc(out, func(x hunt.Evidence) bool { return x.Token == e.Token }) {
				out = append(out, *e)
			}
		}
	}
	add(func(e *hunt.Evidence) bool { return e.Words != "" && !seen[e.Token] }, min(n, 1))
	add(func(e *hunt.Evidence) bool { return !e.Common && !seen[e.Token] }, n)
	add(func(e *hunt.Evidence) bool { return !seen[e.Token] }, n)
	if len(out) == 0 { // all was said before, which does not make it less of a reason
		add(func(*hunt.Evidence) bool { return true }, 1)
	}
	slices.SortStableFunc(out, func(a, b hunt.Evidence) int {
		switch {
		case a.Vote > b.Vote:
			return -1
		case a.Vote < b.Vote:
			return 1
		}
		return strings.Compare(a.Token, b.Token)
	})
	return out
}

// Words says a link in plain words: "client 10.0.0.7", "curl from 10.0.0.7". They may hold what an attacker wrote.
func (l *Link) Words() string {
	switch l.Kind {
	case facetNames[program]:
		if who, with, ok := strings.Cut(l.Value, " × "); ok {
			return token.ProductTitle(with) + " from " + who
		}
	case facetNames[agent]:
		return l.Kind + " " + token.ProductTitle(l.Value)
	}
	return l.Kind + " " + l.Value
}
