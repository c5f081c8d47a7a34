package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"time"

	"weir/internal/event"
	"weir/internal/filter"
	"weir/internal/format"
	"weir/internal/hunt"
	"weir/internal/lake"
	"weir/internal/marks"
	"weir/internal/source"
)

// readMarks reads a journal of marks.
func readMarks(s *streams, name string) (*marks.Set, error) {
	in, err := source.File(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hintf(fmt.Errorf("there are no marks %q", name), "'weir label' and 'weir mark' make them.")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the marks: %w", err)
	}
	r, err := in.Open()
	if err != nil {
		return nil, fmt.Errorf("cannot read the marks %q: %w", name, err)
	}
	defer r.Close()
	set, err := marks.Read(r)
	switch {
	case errors.Is(err, marks.ErrNewer):
		return nil, hintf(fmt.Errorf("%s: %w", name, err), "Update weir.")
	case err != nil:
		return nil, hintf(fmt.Errorf("%s: %w", name, err), "Every line is a mark as docs/marks.md says; take out or mend those that are not.")
	}
	if set.Torn {
		fmt.Fprintf(s.err, "weir: The last line of %s was cut short by a crash and does not count; the next mark takes it out.\n", clean(name))
	}
	return set, nil
}

// namesOf are the names of inputs.
func namesOf(inputs []source.Input) []string {
	names := make([]string, len(inputs))
	for i := range inputs {
		names[i] = inputs[i].Name
	}
	return names
}

// openMarks takes labels from marks.
func (f *labelFlags) openMarks(s *streams, args []string) (*labelled, error) {
	set, err := readMarks(s, f.marks)
	if err != nil {
		return nil, err
	}
	inputs, err := expand(s, args)
	if err != nil {
		return nil, err
	}
	b := set.Bind(namesOf(inputs))
	return &labelled{inputs: inputs, notes: []string{"Records that no mark covers, and those that are to be ignored, have no label."}, after: b.Notes,
		label: labelBy(b), binding: b}, nil
}

// labelBy labels records by marks.
func labelBy(b *marks.Binding) func() filter.Labeller {
	return func() filter.Labeller {
		l := b.Labeller()
		return func(e *event.Event, pos format.Position, raw []byte) filter.Label {
			switch m := l.Label(pos.File, e, raw); {
			case m == nil:
			case m.What == marks.Bad:
				return filter.Bad
			case m.What == marks.Good:
				return filter.Good
			}
			return filter.Unlabelled
		}
	}
}

// readMarks reads the marks that a hunt is to use: those of --marks, or else those of the lake, if it has any. Without a --window
// the spans that are marked bad are the windows.
func (f *huntFlags) readMarks(ctx context.Context, s *streams, o *hunt.Options) error {
	from := f.marks
	switch {
	case f.set != nil: // a plan brought them
	case f.marks != "":
		set, err := readMarks(s, f.marks)
		if err != nil {
			return err
		}
		f.set = set
	case f.archive.given():
		from = "the archive"
		if f.archive.lake != "" {
			from = f.archive.lake
		}
		set, err := f.archive.marks(ctx)
		if err != nil {
			return err
		}
		if len(set.Standing()) == 0 {
			return nil
		}
		f.set = set
	default:
		return nil
	}
	set := f.set
	if len(f.windows) > 0 {
		return nil
	}
	for _, m := range set.Standing() {
		if m.Span != nil && m.What == marks.Bad {
			from, to := m.Span.Bounds()
			o.Windows = append(o.Windows, hunt.Span{From: from, To: to})
		}
	}
	if len(o.Windows) == 0 {
		return usagef(`no window: the marks in %s call no span bad; say when the break-in was, as --window "2026-03-01 02:10/2026-03-01 04:30"`, from)
	}
	o.MarksDecide, o.Only = true, set.Alike(marks.Bad)
	o.Hosts = append(o.Hosts, sameHosts(set)...)
	return nil
}

// marks returns the marks of an archive.
func (f *archiveFlags) marks(ctx context.Context) (set *marks.Set, err error) {
	err = f.with(ctx, func(l lake.Store) error {
		set, err = l.MarkSet(ctx)
		return err
	})
	return set, err
}

// sameHosts are the hosts of the spans that are marked bad, where every one of them names some.
func sameHosts(set *marks.Set) []string {
	var out []string
	for _, m := range set.Standing() {
		if m.Span != nil && m.What == marks.Bad {
			if len(m.Span.Hosts) == 0 {
				return nil
			}
			out = append(out, m.Span.Hosts...)
		}
	}
	return out
}

// bind lays the marks against the files of a hunt.
func (f *huntFlags) bind(o *hunt.Options, inputs []source.Input) *marks.Binding {
	if f.set == nil {
		return nil
	}
	return f.bindNames(o, namesOf(inputs))
}

// bindNames is bind for files that are only known by name.
func (f *huntFlags) bindNames(o *hunt.Options, names []string) *marks.Binding {
	b := f.set.Bind(names)
	o.Mark = func() func(*event.Event, format.Position, []byte) hunt.Mark {
		l := b.Labeller()
		return func(e *event.Event, pos format.Position, raw []byte) hunt.Mark {
			return huntMark(l.Label(pos.File, e, raw))
		}
	}
	return b
}

func huntMark(m *marks.Mark) hunt.Mark {
	switch {
	case m == nil:
		return hunt.Unmarked
	case m.What == marks.Good:
		return hunt.MarkedGood
	case m.What == marks.Ignore:
		return hunt.MarkedIgnored
	case m.Span != nil:
		return hunt.MarkedSuspicious
	}
	return hunt.MarkedBad
}

// printNotes says what a binding has to say once everything was read.
func printNotes(s *streams, notes []string) {
	for _, n := range notes {
		fmt.Fprintf(s.err, "weir: %s\n", clean(n))
	}
}

// analyst is who makes marks, if the command line does not say it.
func analyst() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	return "unknown"
}

// markTime is when a mark is made, to the second.
func markTime() time.Time { return time.Now().UTC().Truncate(time.Second) }
