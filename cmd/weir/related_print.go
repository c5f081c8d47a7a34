package main

import (
	"fmt"
	"strings"
	"time"

	"weir/internal/hunt"
	"weir/internal/related"
	"weir/internal/term"
)

// Bounds of what the page shows.
const (
	maxRare     = 12 // rare tokens of the seeds
	maxRareEach = 3  // of them in one field
	maxShared   = 4  // shared tokens of one row
)

func printRelated(s *streams, r *related.Result, what string, zone *time.Location, o *related.Options) error {
	p := newPage(s.out)
	fmt.Fprintf(p.w, "%s %s\n", p.Bold("weir related"), term.CutMiddle(term.Clean(what), p.width-13))
	p.seeds(r, zone)
	p.read(r.Summary)
	p.rare(r)
	p.relatedRows(r, zone)
	if r.Rows > len(r.Hits) && len(r.Hits) == o.Limit {
		fmt.Fprintf(p.w, "\n  … %s more; --limit N shows them\n", plural(r.Rows-len(r.Hits), "row"))
	}
	return p.w.Flush()
}

// seeds shows what was asked about.
func (p *page) seeds(r *related.Result, zone *time.Location) {
	x := &r.Seeds
	text := plural(int(x.Count), "event")
	if x.Timed {
		text += ", " + momentText(x.First, x.Last, zone)
	} else {
		text += " without a time"
	}
	p.text(2, text+fmt.Sprintf("; others: %s. Local times are %s.", term.Count(r.Others), zone))
	p.record(fmt.Sprintf("%s:%d", term.Clean(x.File), x.Line), x.Raw, 2)
}

// record shows where a record stands and how it starts.
func (p *page) record(where string, raw []byte, indent int) {
	fmt.Fprintf(p.w, "%*s%s\n", indent, "", p.Cyan(term.CutMiddle(where, p.width-indent)))
	for _, line := range rawLines(term.Clean(string(raw[:min(len(raw), 4096)])), p.width-indent, 2) {
		fmt.Fprintf(p.w, "%*s%s\n", indent, "", line)
	}
}

// momentText writes when something happened, once or from first to last.
func momentText(first, last int64, zone *time.Location) string {
	if first/1e9 == last/1e9 {
		return time.Unix(0, first).In(zone).Format("2006-01-02 15:04:05")
	}
	return spanText(hunt.Span{From: first, To: last}, zone)
}

// rare shows the tokens that lead to other events.
func (p *page) rare(r *related.Result) {
	p.heading("Rare in it", "weight in bits; in how many of its events, and of the others")
	type same struct {
		field         string
		seeds, others uint32
	}
	each, said, shown, held := map[string]int{}, map[same]bool{}, 0, 0
	for i := range r.Tokens {
		t := &r.Tokens[i]
		if shown == maxRare {
			break
		}
		anywhere, here := same{"", t.Seeds, t.Others}, same{t.Field, t.Seeds, t.Others}
		if said[here] || t.Pair && said[anywhere] || each[t.Field] == maxRareEach {
			held++ // most likely another word for the same thing
			continue
		}
		said[anywhere], said[here] = true, true
		each[t.Field]++
		shown++
		p.sharedToken(2, t, t.Weight)
	}
	if len(r.Tokens) == 0 {
		p.text(2, "Nothing that it has is both rare and to be found elsewhere.")
	} else if more := len(r.Tokens) - shown - held; more > 0 {
		p.text(2, fmt.Sprintf("and %s more", plural(more, "token")))
	}
	if r.Unique > 0 {
		var names []string
		for _, t := range r.Alone {
			names = append(names, term.Cut(term.Clean(t.Name), p.width/2))
		}
		text := fmt.Sprintf("Nobody else has %s of its values", term.Count(r.Unique))
		if r.Unique == 1 {
			text = "Nobody else has one of its values"
		}
		if r.Unique > len(names) {
			names = append(names, "…")
		}
		p.text(2, text+": "+strings.Join(names, ", "))
	}
	if len(r.LeftOut) > 0 {
		p.text(2, "Left out, since nearly every record has a value of its own: "+term.Clean(strings.Join(r.LeftOut, ", "))+".")
	}
}

func (p *page) sharedToken(indent int, t *related.Token, bits float64) {
	counts := fmt.Sprintf("in %s, %s of others", term.Count(t.Seeds), term.Count(t.Others))
	room := max(p.width-indent-6-1-2-term.Width(counts), 20)
	fmt.Fprintf(p.w, "%*s%s %s  %s\n", indent, "", p.Red(fmt.Sprintf("%+6.1f", bits)),
		term.Pad(term.CutMiddle(term.Clean(t.Name), room), room), p.Dim(counts))
}

func (p *page) relatedRows(r *related.Result, zone *time.Location) {
	p.heading("Related", fmt.Sprintf("%s in %s, best first", plural(int(r.Related), "event"), plural(r.Rows, "row")))
	if len(r.Hits) == 0 {
		p.text(2, "No other event shares anything rare with it.")
	}
	for i := range r.Hits {
		h := &r.Hits[i]
		fmt.Fprintf(p.w, "\n%s  score %s  %s", p.Bold(fmt.Sprintf("%3d", i+1)), p.Bold(fmt.Sprintf("%.1f", h.Score)),
			plural(int(h.Count), "event"))
		if h.Timed {
			fmt.Fprintf(p.w, "  %s", momentText(h.First, h.Last, zone))
		}
		fmt.Fprintln(p.w)
		p.record(fmt.Sprintf("%s:%d", term.Clean(h.File), h.Line), h.Raw, 5)
		for k := range h.Shared[:min(len(h.Shared), maxShared)] {
			p.sharedToken(5, &h.Shared[k].Token, h.Shared[k].Vote)
		}
	}
}
