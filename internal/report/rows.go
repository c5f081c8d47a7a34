package report

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"weir/internal/hunt"
	"weir/internal/term"
)

// Bounds of the list of suspects: a page has to open on a phone.
const (
	maxRows     = 200
	maxRowBytes = 480 << 10 // of HTML, for all rows together
	maxMore     = 4         // further examples of a row
	maxClues    = 8         // of a suspect
	maxRaw      = 1200      // bytes of a raw line
	maxHead     = 200       // bytes of it in a row's heading
	maxToken    = 160       // bytes of a clue
	maxTags     = 3         // clues in a row's heading
	maxFiles    = 100       // in the choice of files
	quiet       = .1        // votes that are not worth a line
	stripBins   = 60        // of the picture of when a row's events were
	stripHeight = 12
)

// rows is the list of suspects.
type rows struct {
	HTML         template.HTML
	Shown, Total int
	Left         string // how many more rows there are, in words
	Events       string
	Verdicts     []choice
	Files        []choice
	FilesLeft    int
	Hull         string // what the pictures reach over
}

// A choice is something that the list can be narrowed to.
type choice struct {
	Name, Mark string
	Rows       int
}

// A row is one line of the list with what it opens to.
type row struct {
	N                      int
	Verdict, Mark          string
	Score, Chance          string
	Basis                  string
	Head                   string
	Tags                   []string
	When, Who, What, Where string
	Strip                  string
	Clues                  []clue
	More                   int // clues that are not shown
	Examples               []example
	Others                 string // events that are not shown, in words

	Rank, First, Size int64 // to sort by
	Level             string
	Files             string // of examples, for the filter: their numbers
}

type clue struct {
	Vote, Side        string
	Bar, From, Zero   string // the bar's width, its start and where its axis stands
	Token, Words      string
	Bad, Good, Weight string
	Title             string
}

type example struct{ Place, Time, Client, Raw, Score string }

// marks tell verdicts apart without colour.
var marks = map[hunt.Verdict]string{hunt.VerdictBad: "▲", hunt.VerdictNovel: "◆", hunt.VerdictConflicting: "◐", hunt.VerdictGood: "●"}

// newRows draws the first rows, as many as the bounds allow.
func newRows(r *hunt.Result, folds []hunt.Fold) (rows, error) {
	h := hull(r)
	out := rows{Total: len(folds), Hull: spanText(h, r.Zone)}
	events := 0
	for i := range folds {
		events += len(folds[i].Members)
	}
	out.Events = plural(events, "event")
	verdicts, files := map[string]*choice{}, map[string]int{}
	var all []*row
	var names []string
	for i := range folds[:min(len(folds), maxRows)] {
		x, err := newRow(r, &folds[i], i+1, func(file string) int {
			at, ok := files[file]
			if !ok {
				at = len(names)
				files[file] = at
				names = append(names, file)
			}
			return at
		})
		if err != nil {
			return out, err
		}
		all = append(all, x)
	}
	var b bytes.Buffer
	inFile := make([]int, len(names))
	for _, x := range all {
		if b.Len() > maxRowBytes {
			break
		}
		if err := templates.ExecuteTemplate(&b, "row", x); err != nil {
			return out, err
		}
		out.Shown++
		if verdicts[x.Verdict] == nil {
			verdicts[x.Verdict] = &choice{Name: x.Verdict, Mark: x.Mark}
		}
		verdicts[x.Verdict].Rows++
		for _, f := range strings.Fields(x.Files) {
			var at int
			fmt.Sscan(f, &at)
			inFile[at]++
		}
	}
	out.HTML = template.HTML(b.String()) // from the template, which escaped it
	for _, v := range []hunt.Verdict{hunt.VerdictBad, hunt.VerdictNovel, hunt.VerdictConflicting, hunt.VerdictGood} {
		if c := verdicts[string(v)]; c != nil {
			out.Verdicts = append(out.Verdicts, *c)
		}
	}
	for i, name := range names {
		out.Files = append(out.Files, choice{Name: shown(name, 120), Mark: fmt.Sprint(i), Rows: inFile[i]})
	}
	slices.SortStableFunc(out.Files, func(a, b choice) int { return cmp.Compare(a.Name, b.Name) })
	if n := len(out.Files) - maxFiles; n > 0 {
		out.Files, out.FilesLeft = out.Files[:maxFiles], n
	}
	if n := out.Total - out.Shown; n > 0 {
		shownEvents := 0
		for i := range folds[:out.Shown] {
			shownEvents += len(folds[i].Members)
		}
		out.Left = fmt.Sprintf("%s with %s are left out of this page: weir hunt --json --all writes them all.", plural(n, "more row"),
			plural(events-shownEvents, "event"))
	}
	return out, nil
}

func newRow(r *hunt.Result, f *hunt.Fold, n int, number func(file string) int) (*row, error) {
	s, err := r.Suspect(f.Best)
	if err != nil {
		return nil, err
	}
	x := &row{N: n, Rank: int64(n), First: f.First / 1e6, Size: int64(len(f.Members)), Level: fmt.Sprintf("%.4f", s.Score),
		Verdict: string(s.Verdict), Mark: marks[s.Verdict], Score: strings.Replace(fmt.Sprintf("%.1f", s.Score), "-", "−", 1),
		Chance: chance(s.Probability), Head: shown(string(s.Raw), maxHead), Strip: strip(r, f)}
	if s.Calibrated {
		x.Basis = "by the filter"
	}
	x.When = at(f.First, r.Zone).Format("2 Jan 15:04:05")
	if f.Last/1e9 > f.First/1e9 {
		end := at(f.Last, r.Zone)
		format := ofTheDay
		if end.Format("2 Jan") != at(f.First, r.Zone).Format("2 Jan") {
			format = "2 Jan 15:04:05"
		}
		x.When += " to " + end.Format(format)
	}
	x.What = plural(len(f.Members), "event")
	if f.Contents > 1 && f.Contents < len(f.Members) {
		x.What += ", " + term.Count(f.Contents) + " distinct"
	}
	switch {
	case f.Clients > 1:
		x.Who = plural(f.Clients, "client")
	case s.Client != "":
		x.Who = shown(s.Client, 60)
	}
	x.Where = place(s)
	x.clues(s.Evidence)
	inFiles := map[int]bool{}
	for _, i := range append([]int{f.Best}, r.Examples(f, maxMore)...) {
		e, err := r.Suspect(i)
		if err != nil {
			return nil, err
		}
		inFiles[number(e.File)] = true
		x.Examples = append(x.Examples, example{Place: place(e), Time: at(e.Time, r.Zone).Format("2 Jan 15:04:05"),
			Client: shown(e.Client, 60), Raw: shown(string(e.Raw), maxRaw), Score: strings.Replace(fmt.Sprintf("%.1f", e.Score), "-", "−", 1)})
	}
	var list []string
	for _, at := range slices.Sorted(maps.Keys(inFiles)) {
		list = append(list, fmt.Sprint(at))
	}
	x.Files = strings.Join(list, " ")
	if more := len(f.Members) - len(x.Examples); more > 0 {
		x.Others = "and " + plural(more, "more event") + " of the same kind"
	}
	return x, nil
}

func place(s *hunt.Suspect) string { return fmt.Sprintf("%s:%d", shown(s.File, 300), s.Line) }

// clues keeps the strongest clues, those that tell this row from the others first, and names the best of them.
func (x *row) clues(evidence []hunt.Evidence) {
	var kept []hunt.Evidence
	for _, common := range []bool{false, true} {
		for _, e := range evidence {
			if e.Common == common && math.Abs(e.Vote) >= quiet {
				kept = append(kept, e)
			}
		}
	}
	x.More = max(0, len(kept)-maxClues)
	kept = kept[:min(len(kept), maxClues)]
	slices.SortStableFunc(kept, func(a, b hunt.Evidence) int { return cmp.Compare(math.Abs(b.Vote), math.Abs(a.Vote)) })
	widest, zero := 0.0, 0.0
	for _, e := range kept {
		widest = max(widest, math.Abs(e.Vote))
		if e.Vote < 0 {
			zero = 50
		}
	}
	for _, e := range kept {
		width := (100 - zero) * math.Abs(e.Vote) / widest
		c := clue{Vote: signed(e.Vote), Side: "pro", Bar: fmt.Sprintf("%.1f%%", width), From: fmt.Sprintf("%.0f%%", zero), Zero: fmt.Sprintf("%.0f%%", zero), Token: shown(e.Token, maxToken),
			Bad: shareOf(e.BadShare, e.Bad), Good: shareOf(e.GoodShare, e.Good), Weight: signed(e.Weight),
			Title: fmt.Sprintf("in %s and %s", plural(int(e.Bad), "suspicious event"), plural(int(e.Good), "known good event"))}
		if e.Vote > 0 {
			c.Words = shown(e.Words, maxToken)
		}
		if e.Vote < 0 {
			c.Side, c.From = "con", fmt.Sprintf("%.1f%%", zero-width)
		}
		x.Clues = append(x.Clues, c)
		if e.Vote > 0 && len(x.Tags) < maxTags {
			x.Tags = append(x.Tags, brief(c.Token, 44))
		}
	}
}

// brief cuts clean text in its middle.
func brief(s string, runes int) string {
	n := utf8.RuneCountInString(s)
	if n <= runes {
		return s
	}
	all := []rune(s)
	return string(all[:runes*2/3]) + "…" + string(all[n-runes/3:])
}

// strip draws when a row's events were, in the window from end to end.
func strip(r *hunt.Result, f *hunt.Fold) string {
	h := hull(r)
	var bins [stripBins]int
	for _, i := range f.Members {
		bins[min(stripBins-1, int(float64(r.Time(i)-h.From)/float64(h.Length())*stripBins))]++
	}
	most := slices.Max(bins[:])
	var b strings.Builder
	for i, n := range bins {
		if n > 0 {
			tall := max(3, int(math.Round(stripHeight*math.Sqrt(float64(n)/float64(most)))))
			fmt.Fprintf(&b, "M%d %dv-%dh1v%dz", i, stripHeight, tall, tall)
		}
	}
	return b.String()
}
