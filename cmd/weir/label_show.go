package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"weir/internal/marks"
	"weir/internal/review"
	"weir/internal/source"
	"weir/internal/term"
)

// show writes a question.
func (l *session) show(q review.Question, x *example) error {
	p := newPage(l.s.out)
	items := l.pool.items()
	row, open, records := l.pool.row(q.Item), 0, int64(0)
	for _, i := range row {
		records += items[i].Records
		if l.study.Open(i) {
			open++
		}
	}
	why := fmt.Sprintf("worth %s a minute", l.money(l.study.Worth(q.Item)))
	if q.Drawn {
		why = "drawn to sharpen the estimate"
	}
	p.heading(fmt.Sprintf("Question %d", len(l.study.Answers())+1), why)
	n := items[q.Item].Records
	what := fmt.Sprintf("%s that say the same", plural(int(n), "record"))
	if n == 1 {
		what = "1 record"
	}
	if x.client != "" {
		what += ", from " + term.Clean(x.client)
	}
	if x.first != 0 {
		zone := time.UTC
		at := time.Unix(0, x.first).In(zone)
		what += ", " + at.Format("2006-01-02 15:04:05")
		if x.last/1e9 > x.first/1e9 {
			what += " to " + time.Unix(0, x.last).In(zone).Format("15:04:05")
		}
	}
	p.text(2, what)
	if len(row) > 1 {
		p.text(2, fmt.Sprintf("Its row: %s in %s, %d without an answer.", plural(int(records), "record"), plural(len(row), "question"), open))
	}
	fmt.Fprintf(p.w, "  %s\n", p.Cyan(term.CutMiddle(fmt.Sprintf("%s:%d", term.Clean(x.file), x.line), p.width-2)))
	for _, line := range rawLines(term.Clean(string(x.raw[:min(len(x.raw), 4096)])), p.width-2, 4) {
		fmt.Fprintf(p.w, "  %s\n", line)
	}
	shown := 0
	for i := range x.clues {
		if c := &x.clues[i]; shown < maxFor+maxAgainst && (c.vote > quiet || c.vote < -quiet) {
			p.labelClue(c)
			shown++
		}
	}
	p.text(2, fmt.Sprintf("Bad with %s; %s said %s.", chance(l.study.Probability(q.Item)), x.basis, chance(x.probability)))
	return p.w.Flush()
}

func (p *page) labelClue(c *labelClue) {
	sign := p.Red(fmt.Sprintf("%+6.1f", c.vote))
	if c.vote < 0 {
		sign = p.Green(fmt.Sprintf("%+6.1f", c.vote))
	}
	room := max(20, p.width-11-term.Width(c.shares))
	fmt.Fprintf(p.w, "  %s %s  %s\n", sign, term.Pad(term.CutMiddle(term.Clean(c.token), room), room), p.Dim(c.shares))
	if c.words != "" && c.vote > 0 {
		for _, line := range term.Wrap(term.Clean(c.words), p.width-9) {
			fmt.Fprintf(p.w, "         %s\n", line)
		}
	}
}

// why writes all clues of a question.
func (l *session) why(x *example) error {
	p := newPage(l.s.out)
	if len(x.clues) == 0 {
		p.text(2, "There is no clue.")
	}
	for i := range x.clues {
		p.labelClue(&x.clues[i])
	}
	return p.w.Flush()
}

const (
	linesAround = 3
	maxAround   = 4096 // bytes of a line that are shown
)

// around writes the lines before and after, as they stand in the log.
func (l *session) around(x *example) error {
	p := newPage(l.s.out)
	in, err := source.File(x.file)
	if err != nil {
		p.text(2, "The log is not there any more.")
		return p.w.Flush()
	}
	r, err := in.Open()
	if err != nil {
		p.text(2, "The log cannot be read any more.")
		return p.w.Flush()
	}
	defer r.Close()
	lines := bufio.NewReaderSize(r, 1<<16)
	for n := int64(1); n <= x.line+linesAround; n++ {
		head, err := cutLine(lines)
		if err != nil && len(head) == 0 {
			break
		}
		if n >= x.line-linesAround {
			lead := "  "
			if n == x.line {
				lead = "> "
			}
			fmt.Fprintf(p.w, "%s%s\n", lead, term.Cut(term.Clean(string(head)), p.width-2))
		}
	}
	return p.w.Flush()
}

// cutLine reads a line and returns its first bytes.
func cutLine(r *bufio.Reader) (head []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if room := maxAround - len(head); room > 0 {
			head = append(head, part[:min(len(part), room)]...)
		}
		if err != bufio.ErrBufferFull {
			return []byte(strings.TrimRight(string(head), "\r\n")), err
		}
	}
}

const keysText = "g good  b bad  G B all of the row  s skip  u undo  w why  r around  q quit"

func (l *session) prompt() {
	p := newPage(l.s.out)
	fmt.Fprintf(p.w, "  %s > ", p.Dim(keysText))
	_ = p.w.Flush() // the answer that follows would tell
}

// echo ends the prompt's line with the key, as if it had been typed.
func (l *session) echo(k byte) {
	text := string(rune(k))
	if k < 0x20 || k >= 0x7f {
		text = ""
	}
	_, _ = io.WriteString(l.s.out, text+"\n")
}

// tell says, after an answer, what was marked, what is left, and whether going on pays.
func (l *session) tell(what marks.What, n int) {
	p := newPage(l.s.out)
	word := p.Green(string(what))
	if what == marks.Bad {
		word = p.Red(string(what))
	}
	fmt.Fprintf(p.w, "  %s marked %s.\n", capital(plural(n, "record")), word)
	l.balance(p)
	_ = p.w.Flush() // the next question would tell
}

func (l *session) balance(p *page) {
	bad, of := l.study.Found()
	e := l.study.Remaining()
	p.text(2, fmt.Sprintf("Found: %s bad of %s looked at. Left: about %s bad (95 %%: %s to %s) among %s.", term.Count(bad), term.Count(of),
		round0(e.Bad), round0(e.Low), round0(e.High), plural(int(e.Of), "record")))
	a := l.study.Advise(l.minute)
	if e.Of == 0 {
		return
	}
	advice := "stop here"
	if a.GoOn {
		advice = "go on"
	}
	p.text(2, fmt.Sprintf("The next answers save about %s a minute; a minute costs %s: %s.", l.money(a.Next), l.money(a.Minute), advice))
}

// end says what came of a session.
func (l *session) end() error {
	p := newPage(l.s.out)
	p.heading("Labelled", fmt.Sprintf("%s in this session, as %s", plural(l.marked, "record"), term.Clean(l.who)))
	l.balance(p)
	if l.marked > 0 {
		p.text(2, "The marks are in "+term.Clean(l.f.huntFlags.marks)+".")
	}
	for _, n := range l.pool.notes() {
		p.item(p.Yellow("!"), term.Clean(n))
	}
	if l.ctx.Err() != nil {
		p.item(p.Yellow("!"), "Interrupted; every answer until then is kept.")
	}
	return p.w.Flush()
}

// labelMoney writes amounts in a currency; without one, in wrong blocks.
func labelMoney(currency string) func(float64) string {
	return func(x float64) string {
		text := term.Amount(x, currency)
		switch {
		case currency != "":
			return text
		case x == 1:
			return text + " wrong block"
		}
		return text + " wrong blocks"
	}
}

func round0(x float64) string { return term.Count(int64(x + .5)) }

// chance writes a probability without claiming certainty.
func chance(p float64) string {
	switch {
	case p < .01:
		return "under 1 %"
	case p > .99:
		return "over 99 %"
	}
	return fmt.Sprintf("%.0f %%", 100*p)
}
