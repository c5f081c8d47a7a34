package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"weir/internal/calibrate"
	"weir/internal/decide"
	"weir/internal/event"
	"weir/internal/filter"
	"weir/internal/format"
	"weir/internal/term"
	"weir/internal/token"
)

// tallies are what a filter makes of all records together.
type tallies struct {
	records  int64
	verdicts map[filter.Verdict]int64
	known    int64 // shares, in millionths
	shares   calibrate.Shares
}

func (t *tallies) note(g *filter.Judgement) {
	if t.verdicts == nil {
		t.verdicts = map[filter.Verdict]int64{}
	}
	t.records++
	t.verdicts[g.Verdict]++
	t.known += int64(math.Round(g.Known * 1e6))
	t.shares.Add(g.Probability)
}

func (t *tallies) add(o *tallies) {
	if t.verdicts == nil {
		t.verdicts = map[filter.Verdict]int64{}
	}
	t.records += o.records
	t.known += o.known
	for v, n := range o.verdicts {
		t.verdicts[v] += n
	}
	t.shares.Merge(&o.shares)
}

// A scoreStyle says which records are written, and how.
type scoreStyle struct {
	JSON     bool    `json:"json,omitempty"`
	Evidence bool    `json:"evidence,omitempty"`
	Least    float64 `json:"least,omitempty"`
	Top      int     `json:"top,omitempty"` // 0 is all
	Width    int     `json:"width"`
}

func (f *scoreFlags) style(s *streams) *scoreStyle {
	return &scoreStyle{JSON: f.json, Evidence: f.evidence, Least: f.least, Top: f.top, Width: width(s.out)}
}

// A judging judges records and puts each into words: what stands before the number of its line, and after it.
type judging struct {
	tallies
	style         *scoreStyle
	names         []string
	jsonNames     [][]byte
	judged        *filter.Judge
	best          suspects
	g             filter.Judgement
	before, after []byte
}

func newJudging(style *scoreStyle, names []string, fl *filter.Filter, enrichment func() *token.Enrichment) *judging {
	j := &judging{style: style, names: names, judged: fl.NewJudge(enrichment()), best: suspects{most: style.Top}}
	for _, n := range names {
		j.jsonNames = append(j.jsonNames, jsonText(n))
	}
	return j
}

// judge judges a record and reports whether it is to be written.
func (j *judging) judge(e *event.Event, pos format.Position, raw []byte) bool {
	var clues []filter.Clue
	if j.style.Evidence {
		j.g, clues = j.judged.Clues(e)
	} else {
		j.g = j.judged.Judge(e)
	}
	j.note(&j.g)
	if j.g.Probability < j.style.Least || j.style.Top > 0 && !j.best.wants(&suspect{probability: j.g.Probability, score: j.g.Score, pos: pos}) {
		return false
	}
	j.before, j.after = j.before[:0], j.after[:0]
	if j.style.JSON {
		j.json(e, pos, clues)
	} else {
		j.text(pos, raw, clues)
	}
	return true
}

func (j *judging) text(pos format.Position, raw []byte, clues []filter.Clue) {
	b := appendFixed(append(j.before, ' '), j.g.Probability, 3)
	b = append(b, "  "...)
	b = append(b, (string(j.g.Verdict) + "           ")[:11]...)
	b = append(b, "  "...)
	b = append(b, term.Clean(j.names[pos.File])...)
	j.before = append(b, ':')
	b = append(j.after, "  "...)
	b = append(b, term.Clean(string(raw[:min(len(raw), 4*j.style.Width)]))...)
	b = append(b, '\n')
	for i := range clues {
		if i == maxClues {
			break
		}
		c := &clues[i]
		b = append(b, fmt.Sprintf("        %+8.2f  %s  (good %d, bad %d)\n", c.Vote, term.Cut(term.Clean(c.Token), j.style.Width-40), c.Good, c.Bad)...)
	}
	j.after = b
}

// json puts the record as docs/json.md says. It is written by hand since it is most of the work of scoring.
func (j *judging) json(e *event.Event, pos format.Position, clues []filter.Clue) {
	b := append(j.before, `{"file":`...)
	b = append(b, j.jsonNames[pos.File]...)
	j.before = append(b, `,"line":`...)
	b = append(j.after, `,"time":`...)
	if e.HasTime {
		b = append(b, '"')
		b = time.Unix(0, e.Time).UTC().AppendFormat(b, time.RFC3339Nano)
		b = append(b, '"')
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"score":`...)
	b = appendFixed(b, j.g.Score, 4)
	b = append(b, `,"probability":`...)
	b = strconv.AppendFloat(b, j.g.Probability, 'g', 6, 64)
	b = append(b, `,"probability_basis":"calibrated","verdict":"`...)
	b = append(b, j.g.Verdict...)
	b = append(b, '"')
	if j.style.Evidence {
		b = append(b, `,"evidence":`...)
		var text bytes.Buffer
		_ = json.NewEncoder(escaper{&text}).Encode(cluesJSON(clues)) // a buffer takes everything
		b = append(b, bytes.TrimSpace(text.Bytes())...)
	}
	j.after = append(b, "}\n"...)
}

// suspect returns the record that was judged last, with copies of its words.
func (j *judging) suspect(pos format.Position) suspect {
	return suspect{j.g.Probability, j.g.Score, pos, bytes.Clone(j.before), bytes.Clone(j.after)}
}

// A suspect is a record among those that are most probably bad.
type suspect struct {
	probability, score float64
	pos                format.Position
	before, after      []byte
}

// compare puts the more probable first, of equals the one with the higher score, then the one that comes first.
func (x *suspect) compare(y *suspect) int {
	return cmp.Or(cmp.Compare(y.probability, x.probability), cmp.Compare(y.score, x.score), cmp.Compare(x.pos.File, y.pos.File),
		cmp.Compare(x.pos.Offset, y.pos.Offset), cmp.Compare(x.pos.Line, y.pos.Line))
}

// suspects keep the most suspicious of any number of records. What they keep does not depend on the order.
type suspects struct {
	most int
	list []suspect
	last *suspect // of those that are kept at least; nil while there is room
}

// wants reports whether a record is not known to be beyond the most suspicious.
func (s *suspects) wants(x *suspect) bool { return s.last == nil || x.compare(s.last) < 0 }

func (s *suspects) add(x suspect) {
	s.list = append(s.list, x)
	if len(s.list) >= 2*s.most+64 {
		s.cut()
	}
}

// cut sorts them and drops those that are too many.
func (s *suspects) cut() {
	slices.SortFunc(s.list, func(a, b suspect) int { return a.compare(&b) })
	if len(s.list) >= s.most && s.most > 0 {
		clear(s.list[s.most:])
		s.list = s.list[:s.most]
		last := s.list[s.most-1]
		s.last = &last
	}
}

func (s *suspects) merge(o *suspects) {
	s.list = append(s.list, o.list...)
	s.cut()
}

// write writes them, the most suspicious first. line returns the number of a record's line; nil is for those that have it.
func (s *suspects) write(w io.Writer, line func(format.Position) (int64, error)) error {
	s.cut()
	var b []byte
	for i := range s.list {
		x := &s.list[i]
		n := x.pos.Line
		if line != nil {
			var err error
			if n, err = line(x.pos); err != nil {
				return err
			}
		}
		b = append(strconv.AppendInt(append(b[:0], x.before...), n, 10), x.after...)
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// print says what the filter makes of all records together, and where that does not fit its training.
func (t *tallies) print(s *streams, fl *filter.Filter) error {
	p := newPage(s.err)
	if t.records == 0 {
		p.item(p.Yellow("!"), "There was no record to score.")
		return p.w.Flush()
	}
	text := plural(int(t.records), "record") + " scored:"
	for _, v := range []filter.Verdict{filter.VerdictBad, filter.VerdictGood, filter.VerdictNovel, filter.VerdictConflicting} {
		if n := t.verdicts[v]; n > 0 {
			text += fmt.Sprintf(" %s %s,", term.Count(n), v)
		}
	}
	p.text(0, text[:len(text)-1]+".")
	known := float64(t.known) / 1e6 / float64(t.records)
	if t.records >= 100 && known < fl.Known-decide.LessKnown {
		p.item(p.Yellow("!"), fmt.Sprintf("Only %.0f %% of what these records hold was seen in training, where it was %.0f %% of held-back "+
			"records: they are of another kind, or things have changed. Train on examples from here.", 100*known, 100*fl.Known))
	}
	if prior, ok := t.shares.Estimate(fl.Prior); ok && t.records >= 1000 && (prior < fl.Prior/2 || prior > 2*fl.Prior && prior-fl.Prior > .05) {
		p.item(p.Yellow("!"), fmt.Sprintf("Probabilities are for a share of bad of %.2g %%; of these records about %.2g %% seem to be. If you "+
			"think so too, say --prior %.2g.", 100*fl.Prior, 100*prior, prior))
	}
	return p.w.Flush()
}
