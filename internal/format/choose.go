package format

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weir/internal/source"
)

// A RecordUnit is what of a file makes one record.
type RecordUnit string

// The record units.
const (
	RecordLine RecordUnit = ""     // a line, as the file's format has it
	RecordFile RecordUnit = "file" // the file as a whole: a mail, a script, anything
)

// A Choice is how a filter's training inputs were read, decided once over all of them by [Choose]. It is stored with the
// filter, as JSON, and given back as [Options.Choice] so that whatever is scored is read in the same way.
type Choice struct {
	Record RecordUnit `json:"record,omitempty"`
	// Formats are the names of the formats. Each file is read as the one of them that fits it best; with one, all are.
	Formats []string `json:"formats,omitempty"`
	Layout  string   `json:"layout,omitempty"` // a server's own log_format or LogFormat string
	Tables  []Table  `json:"tables,omitempty"` // of csv: the different tables among the inputs
	Epoch   bool     `json:"epoch,omitempty"`  // of text: a number at the start of a line may be its time
}

// A Table is how the columns of a CSV were read.
type Table struct {
	Comma   string   `json:"comma"`
	Header  string   `json:"header,omitempty"` // the line of names; empty where there was none
	Columns []Column `json:"columns"`
}

// A Column is one column of a table.
type Column struct {
	Name string `json:"name"`
	Kind string `json:"kind,omitempty"` // time, date or url
}

// String names the formats, as people read it.
func (c *Choice) String() string {
	if c.Record == RecordFile {
		return "whole files"
	}
	if c.Layout != "" {
		return fmt.Sprintf("access logs of the layout %q", c.Layout)
	}
	return strings.Join(c.Formats, ", ")
}

// What it takes to be decided.
const (
	sureScore   = 0.95 // a file of which a format reads as much is of that format
	sharedScore = 0.75 // a format that reads as much of all files, on average, is that of all
	ownScore    = 0.5  // a file of which its own format reads less is of none
)

// Choose decides how inputs are read that belong together, as the examples of a filter do: in one way, since records
// that are read differently cannot be compared, and what looks like a table in one file may be lines of text in all.
//
//   - Where every file is surely of some format with a syntax of its own, and be it several, each is read as its own.
//   - Else one format that reads most of all files, each counting alike, is that of all.
//   - Else they are tables if (almost) all lines of all of them are: with a header, or without one where there are five
//     columns or more and each holds numbers or short names.
//   - Else they are lines of text.
//
// o.Format forces a format, as for [Detect]. The notes are for the user, one sentence each. Inputs are changed as by
// [source.Input.Head]: they can be read afterwards. Inputs that are empty or cannot be read have no say; the error is
// that there are no others, or that there is no such format.
func Choose(inputs []source.Input, record RecordUnit, o Options) (c *Choice, notes []string, err error) {
	if record == RecordFile {
		return &Choice{Record: RecordFile}, nil, nil
	}
	var forcedFormat *Format
	if o.Format != "" {
		if forcedFormat, err = forced(o.Format); err != nil {
			return nil, nil, err
		}
	}
	var files []fileOpinion
	var trouble error
	for i := range inputs {
		head, whole, err := inputs[i].Head(SampleBytes)
		switch {
		case err != nil:
			notes = append(notes, fmt.Sprintf("%s cannot be read: %v", inputs[i].Name, err))
			trouble = errors.Join(trouble, fmt.Errorf("cannot read %q: %w", inputs[i].Name, err))
			continue
		case len(bytes.TrimSpace(head)) == 0:
			notes = append(notes, inputs[i].Name+" is empty")
			continue
		}
		o.Name = inputs[i].Name
		files = append(files, opinionOn(head, whole, o))
	}
	if len(files) == 0 {
		if trouble == nil {
			trouble = errors.New("cannot decide on a format: there is nothing in the files")
		}
		return nil, notes, trouble
	}
	c = &Choice{}
	if forcedFormat != nil {
		c.Formats = []string{forcedFormat.Name}
		c.Layout, _ = layoutText(o.Format)
	} else {
		var note string
		if c.Formats, note = chooseFormats(files); note != "" {
			notes = append(notes, note)
		}
	}
	c.addState(files, forcedFormat != nil)
	return c, notes, nil
}

// A fileOpinion is what one file's first lines say.
type fileOpinion struct {
	name   string
	scores []float64 // by the order of All
	own    *Format   // what it is if it is alone; nil if nothing
	score  float64
	plan   *csvPlan
	table  float64      // the score of plan
	cells  []tableShape // by separator
	epochs int
	lines  int
}

func opinionOn(head []byte, whole bool, o Options) fileOpinion {
	o.Format = ""
	sample := Sample(head, whole)
	f := fileOpinion{name: o.Name}
	for _, format := range All() {
		score := 0.0
		if format.Score != nil {
			score, _ = format.Score(sample, o)
		}
		f.scores = append(f.scores, score)
		if score > f.score {
			f.own, f.score = format, score
		}
	}
	f.plan, f.table, _ = planCSV(sample, o)
	if f.plan.header != nil && !tellsHeader(sample[f.plan.headerLine-1:], f.plan) && isProse(sample, f.plan.comma) {
		f.table = 0
		if f.own == &csvFormat {
			f.own, f.score = &text, f.scores[len(f.scores)-1] // text is the last
		}
	}
	f.cells = shapesOf(head, whole)
	f.epochs, f.lines = countEpochs(sample)
	return f
}

// structured reports a format whose lines are told from any others: neither text nor a table.
func structured(f *Format) bool { return f != nil && f != &text && f != &csvFormat }

func chooseFormats(files []fileOpinion) (names []string, note string) {
	tables := tablesOf(files) != nil
	all := All()
	own := func(least float64) []string {
		var formats []string
		for i := range files {
			f := &files[i]
			if f.score < least || !structured(f.own) && (f.own != &csvFormat || !tables) {
				return nil
			}
			if !slices.Contains(formats, f.own.Name) {
				formats = append(formats, f.own.Name)
			}
		}
		slices.Sort(formats)
		return formats
	}
	if formats := own(sureScore - 1e-9); formats != nil {
		return formats, ""
	}
	best, bestMean := (*Format)(nil), 0.0
	for i, format := range all {
		if !structured(format) {
			continue
		}
		sum := 0.0
		for j := range files {
			sum += files[j].scores[i]
		}
		if mean := sum / float64(len(files)); mean > bestMean {
			best, bestMean = format, mean
		}
	}
	if bestMean >= sharedScore {
		return []string{best.Name}, ""
	}
	if formats := own(ownScore); formats != nil {
		return formats, ""
	}
	if tables {
		return []string{csvFormat.Name}, ""
	}
	for i := range files {
		if f := &files[i]; structured(f.own) && f.score >= sureScore {
			return []string{text.Name}, fmt.Sprintf("%s looks like %s (%s), but the other files do not: all are read as lines "+
				"of text; train with files of one kind, or force a format with --format", f.name, f.own.Name, f.own.Title)
		}
	}
	return []string{text.Name}, ""
}

// addState keeps what the formats need to know to read other files in the same way.
func (c *Choice) addState(files []fileOpinion, forced bool) {
	if slices.Contains(c.Formats, text.Name) {
		epochs, lines := 0.0, 0.0
		for i := range files {
			if n := files[i].lines; n > 0 {
				epochs += float64(files[i].epochs) / float64(n)
				lines++
			}
		}
		c.Epoch = 2*epochs > lines
	}
	if !slices.Contains(c.Formats, csvFormat.Name) {
		return
	}
	if c.Tables = tablesOf(files); c.Tables == nil && forced {
		for i := range files {
			c.Tables = addTable(c.Tables, tableFrom(files[i].plan))
		}
	}
}
