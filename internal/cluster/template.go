package cluster

import (
	"cmp"
	"slices"
	"strings"

	"weir/internal/hunt"
)

// A Template is what lines have in common: their words, with [Gap] where they differ.
type Template struct {
	Text    string
	Lines   int // distinct ones
	Example string
}

// Gap stands in a template for a word that differs.
const Gap = "<*>"

const (
	maxWords  = 64  // of a line; the rest counts as one
	maxValues = 4   // different words at one place that are still words of the message, not a variable
	sameWords = .5  // of a template that have to be no gap
	maxBytes  = 512 // of a line that are looked at
)

// Templates reduces lines without structure to what they have in common. It does what Drain does (He, Zhu, Zheng, Lyu: "Drain:
// an online log parsing approach with fixed depth tree", 2017), lines of one length split by their words from the left, but
// over all distinct lines at once: which places vary is counted, not found as lines come, so the result does not depend on
// their order. The most frequent are first.
func Templates(lines []string) []Template {
	distinct := map[string]bool{}
	for _, l := range lines {
		distinct[l[:min(len(l), maxBytes)]] = true
	}
	byLength := map[int][]parsed{}
	for l := range distinct {
		words := strings.Fields(l)
		if len(words) > maxWords {
			words = append(words[:maxWords-1:maxWords-1], strings.Join(words[maxWords-1:], " "))
		}
		p := parsed{line: l, words: words, masked: make([]string, len(words))}
		for i, w := range words {
			p.masked[i] = mask(w)
		}
		byLength[len(words)] = append(byLength[len(words)], p)
	}
	var out []Template
	for n, group := range byLength {
		slices.SortFunc(group, func(a, b parsed) int { return cmp.Compare(a.line, b.line) })
		out = split(group, 0, n, out)
	}
	slices.SortFunc(out, func(a, b Template) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Example, b.Example))
	})
	return out
}

type parsed struct {
	line   string
	words  []string
	masked []string
}

// mask replaces a word that has a digit: such words are values.
func mask(w string) string {
	if strings.ContainsAny(w, "0123456789") {
		return Gap
	}
	return w
}

// split divides lines of n words by the words at a place, if these are few, and goes on at the next.
func split(group []parsed, at, n int, out []Template) []Template {
	if at == n || len(group) == 1 {
		return append(out, template(group, n))
	}
	values := map[string][]parsed{}
	for _, p := range group {
		values[p.masked[at]] = append(values[p.masked[at]], p)
	}
	if len(values) == 1 {
		return split(group, at+1, n, out)
	}
	if len(values) > maxValues && alike(group, n) { // a variable
		return split(group, at+1, n, out)
	}
	if len(values) > maxValues && at > 0 && 2*len(values) > len(group) { // mostly values of their own
		return split(group, at+1, n, out)
	}
	words := make([]string, 0, len(values))
	for w := range values {
		words = append(words, w)
	}
	slices.Sort(words)
	for _, w := range words {
		out = split(values[w], at+1, n, out)
	}
	return out
}

// alike reports whether most places of lines have one word.
func alike(group []parsed, n int) bool {
	same := 0
	for i := range n {
		if !slices.ContainsFunc(group, func(p parsed) bool { return p.masked[i] != group[0].masked[i] }) {
			same++
		}
	}
	return float64(same) >= sameWords*float64(n)
}

func template(group []parsed, n int) Template {
	words := make([]string, n)
	for i := range n {
		words[i] = group[0].words[i]
		if slices.ContainsFunc(group, func(p parsed) bool { return p.words[i] != words[i] }) {
			words[i] = Gap
		}
	}
	return Template{strings.Join(words, " "), len(group), group[0].line}
}

// patternOf is how many lines of a step its pattern is taken from.
const patternOf = 30

// Pattern returns what most of the lines of a step have in common, from a line of each of its first contents, and of how many
// lines.
func Pattern(r *hunt.Result, p *Step) (t Template, of int, err error) {
	var lines []string
	seen := map[int]bool{}
	for _, m := range p.Members {
		if len(lines) == patternOf {
			break
		}
		c := r.ContentOf(m)
		if seen[c] {
			continue
		}
		seen[c] = true
		x, err := r.Suspect(m)
		if err != nil {
			return t, 0, err
		}
		lines = append(lines, string(x.Raw))
	}
	all := Templates(lines)
	for _, x := range all {
		of += x.Lines
	}
	return all[0], of, nil
}
