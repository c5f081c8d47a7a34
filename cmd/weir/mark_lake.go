package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"weir/internal/enrich"
	"weir/internal/lake"
	"weir/internal/marks"
	"weir/internal/mongo"
	"weir/internal/term"
)

// lakeFlags name an archive that marks are in, and how its events were counted.
type lakeFlags struct {
	archiveFlags
	geoip string
}

// use opens the archive and runs do.
func (f *lakeFlags) use(ctx context.Context, do func(lake.Store) error) error {
	if err := f.fault("no lake: say where it is with --lake DIR"); err != nil {
		return usageError{err}
	}
	var geo *enrich.GeoDB
	if f.geoip != "" {
		var err error
		if geo, err = enrich.OpenGeoDB(f.geoip); err != nil {
			return usageError{err}
		}
	}
	l, err := f.openWith(ctx, geo)
	if err != nil {
		return err
	}
	defer l.Close()
	return explainMarks(explainArchive(do(l)))
}

// explainMarks adds to an error of marks what to do about it.
func explainMarks(err error) error {
	switch {
	case errors.Is(err, lake.ErrNoMark):
		return hintf(err, "'weir marks' lists them.")
	case errors.Is(err, lake.ErrOvertaken):
		return hintf(err, "Somebody else works in it; run it again.")
	}
	return err
}

// one makes sure that marks are in one place.
func (f *lakeFlags) one(file string) error {
	switch {
	case f.given() && file != "":
		return usagef("--marks and %s at once: a mark is in a file or in an archive", f.flag())
	case !f.given() && file == "":
		return usagef("no marks: say in which file, as --marks marks.jsonl, or in which lake, as --lake DIR")
	case f.given():
		if err := f.fault(""); err != nil {
			return usageError{err}
		}
	}
	return nil
}

// markInLake adds a mark to a lake, or takes one back, and trains again.
func markInLake(ctx context.Context, s *streams, f *lakeFlags, m marks.Mark) error {
	return f.use(ctx, func(l lake.Store) error {
		if m.Unmark != "" {
			old, err := l.TakeBack(ctx, m)
			if err != nil {
				return unsure(err)
			}
			fmt.Fprintf(s.out, "Taken back: %s, %s\n", old.What, term.Clean(old.Text()))
		} else {
			if err := l.AddMark(ctx, m); err != nil {
				return unsure(err)
			}
			fmt.Fprintf(s.out, "%s is marked %s: %s\n", m.ID, m.What, term.Clean(m.Text()))
		}
		r, err := trainAs(ctx, l, sameHalfLife)
		if err != nil {
			return hintf(fmt.Errorf("the mark is saved, but the lake is not trained: %w", err), "'%s' goes on.", f.trainWith())
		}
		printTraining(s.out, r)
		if m.Unmark == "" && r.Fresh && r.Moved == 0 {
			fmt.Fprintln(s.err, "weir: no event changes its class by this mark: are its window, --zone and hosts right? 'weir status' says when the events are")
		}
		return nil
	})
}

// unsure says of a mark whose server went away that it may have been saved.
func unsure(err error) error {
	if errors.Is(err, mongo.ErrServer) {
		return hintf(err, "When the server answers again, see with 'weir marks' whether the mark is there; if so, 'weir train' goes on; if not, mark again.")
	}
	return err
}

// sameHalfLife is that of the training before.
const sameHalfLife = -1

func trainAs(ctx context.Context, l lake.Store, halfLife int) (*lake.Training, error) {
	if halfLife == sameHalfLife {
		last, err := l.LastModel(ctx)
		if err != nil {
			return nil, err
		}
		if halfLife = 0; last != nil {
			halfLife = last.HalfLife
		}
	}
	return l.Train(ctx, lake.TrainOptions{HalfLife: halfLife})
}

func printTraining(w io.Writer, r *lake.Training) {
	m := r.Model
	if !r.Fresh {
		fmt.Fprintf(w, "Nothing has changed since the last training")
	} else {
		fmt.Fprintf(w, "Trained: %s read in %s, %s to another class", plural(int(r.Read), "event"), plural(r.Laying.Segments, "segment"), plural(int(r.Moved), "event"))
	}
	fmt.Fprintf(w, "\nIn all:  %s good, %s bad, %s left out\n", term.Count(m.Good), term.Count(m.Bad), term.Count(m.Ignored))
}

// listLakeMarks lists the marks that stand, or with all also those that were taken back.
func listLakeMarks(ctx context.Context, s *streams, f *lakeFlags, all bool) error {
	return f.use(ctx, func(l lake.Store) error {
		set, err := l.MarkSet(ctx)
		if err != nil {
			return err
		}
		return printMarks(s, set, all)
	})
}

// importMarks brings the marks of a journal into a lake and trains.
func importMarks(ctx context.Context, s *streams, f *lakeFlags, file string) error {
	set, err := readMarks(s, file)
	if err != nil {
		return err
	}
	return f.use(ctx, func(l lake.Store) error {
		r, err := l.ImportMarks(ctx, set)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s added, %d taken back, %d known already\n", plural(r.Added, "mark"), r.TakenBack, r.Known)
		if r.Records > 0 {
			fmt.Fprintf(s.err, "weir: %s of single records left in the file: a lake takes spans only\n", plural(r.Records, "mark"))
		}
		return nil
	})
}

// trainLake brings the model of a lake up to date, and says what has changed.
func trainLake(ctx context.Context, s *streams, f *lakeFlags, halfLife int) error {
	return f.use(ctx, func(l lake.Store) error {
		r, err := trainAs(ctx, l, halfLife)
		if err != nil {
			return err
		}
		printTraining(s.out, r)
		if !r.Fresh {
			return nil
		}
		list, err := l.Drift(ctx, r.Before, r.Model, 10)
		if err != nil || len(list) == 0 {
			return err
		}
		p := newPage(s.out)
		p.heading("What changed most since the training before", "weight in bits × bad events")
		for i := range list {
			c := &list[i]
			name := c.Name
			if name == "" {
				name = fmt.Sprintf("%s (a token that is in no marked window any more)", c.Field)
			}
			p.item(" ", fmt.Sprintf("%+.0f  %s: %s, was %s", c.Bits(), term.Cut(term.Clean(name), maxCell), evidentText(c.Is), evidentText(c.Was)))
		}
		return p.w.Flush()
	})
}

func evidentText(e lake.Evident) string {
	if e == (lake.Evident{}) {
		return "in nothing bad"
	}
	number := func(x float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0") }
	return fmt.Sprintf("%+.1f bits (in %s bad, %s good)", e.Weight, number(e.Bad), number(e.Good))
}
