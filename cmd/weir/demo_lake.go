package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"weir/internal/cluster"
	"weir/internal/hunt"
	"weir/internal/lake"
	"weir/internal/marks"
	"weir/internal/source"
	"weir/internal/term"
)

// A demoLake does in a lake what the demo does in logs: it reads them once, marks the break-in, hunts, marks a day by mistake
// and takes both marks back. Every step is held to what it promises.
type demoLake struct {
	l     *lake.Lake
	logs  []string
	steps [][2]string // what was done, and what came of it

	meddle func(step string, l *lake.Lake)
}

// runDemoLake takes the logs of r, whose campaigns are list, through a lake in a temporary directory. What does not hold is an
// error. meddle, if not nil, is called behind each step.
func runDemoLake(ctx context.Context, s *streams, logs []string, r *hunt.Result, list []cluster.Campaign,
	meddle func(step string, l *lake.Lake)) (*demoLake, error) {
	dir, err := os.MkdirTemp("", "weir-demo-*")
	if err != nil {
		return nil, fmt.Errorf("cannot make a temporary directory: %w", err)
	}
	defer os.RemoveAll(dir)
	l, err := lake.Create(ctx, filepath.Join(dir, "archive"), lake.Settings{Zone: r.Zone})
	if err != nil {
		return nil, explainArchive(err)
	}
	defer l.Close()
	d := &demoLake{l: l, logs: logs, meddle: meddle}
	return d, explainArchive(d.run(ctx, s, r, list))
}

func (d *demoLake) run(ctx context.Context, s *streams, r *hunt.Result, list []cluster.Campaign) error {
	if err := d.ingest(ctx, s, r.Summary.Records()); err != nil {
		return err
	}
	untrained, _, err := d.train(ctx)
	if err != nil {
		return err
	}
	w := r.Windows[0]
	night, err := d.mark(ctx, "the break-in", w, int64(r.Len()))
	if err != nil {
		return err
	}
	if err := d.hunt(ctx, s, r, list); err != nil {
		return err
	}
	marked, _, err := d.train(ctx)
	if err != nil {
		return err
	}
	mistake, err := d.mark(ctx, "the day before, by mistake", hunt.Span{From: w.From - int64(24*time.Hour), To: w.From - 1}, -1)
	if err != nil {
		return err
	}
	if wrong, _, err := d.train(ctx); err != nil || bytes.Equal(wrong, marked) {
		return errors.Join(err, errors.New("the demo's lake is wrong: a mark more, and the model is the same"))
	}
	if err := d.unmark(ctx, mistake, "the mistake", marked); err != nil {
		return err
	}
	return d.unmark(ctx, night, "the break-in too", untrained)
}

// done notes what came of a step.
func (d *demoLake) done(step, format string, args ...any) {
	d.steps = append(d.steps, [2]string{step, fmt.Sprintf(format, args...)})
	if d.meddle != nil {
		d.meddle(step, d.l)
	}
}

// ingest reads the logs, twice.
func (d *demoLake) ingest(ctx context.Context, s *streams, records int64) error {
	inputs, err := expand(&streams{in: s.in, out: s.out, err: discard{}}, d.logs)
	if err != nil {
		return err
	}
	started := time.Now()
	once, err := d.l.Ingest(ctx, inputs, lake.IngestOptions{})
	if err != nil {
		return err
	}
	took := time.Since(started)
	again, err := d.l.Ingest(ctx, inputs, lake.IngestOptions{})
	if err != nil {
		return err
	}
	if once.Events != records || again.Events != 0 {
		return fmt.Errorf("the demo's lake is wrong: the hunt read %d records, the ingest %d, and %d the second time", records, once.Events, again.Events)
	}
	st, err := d.l.Status(ctx)
	if err != nil {
		return err
	}
	d.done("ingest", "%s from %s in %.1f s: %s of logs in %s. A second ingest finds nothing new.", plural(int(once.Events), "event"),
		plural(len(once.Files), "log"), took.Seconds(), bytesText(sizeOf(inputs)), bytesText(st.EventBytes+st.CountBytes))
	return nil
}

func sizeOf(inputs []source.Input) (n int64) {
	for i := range inputs {
		n += inputs[i].Size
	}
	return n
}

// train brings the model up to date and returns its file.
func (d *demoLake) train(ctx context.Context) ([]byte, *lake.Training, error) {
	t, err := d.l.Train(ctx, lake.TrainOptions{})
	if err != nil {
		return nil, nil, err
	}
	files, err := d.l.Files(ctx)
	if err != nil {
		return nil, nil, err
	}
	model, err := os.ReadFile(files.Model)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read the model: %w", err)
	}
	return model, t, nil
}

// mark marks a span bad and trains. events is how many there are in it, -1 if that is not known.
func (d *demoLake) mark(ctx context.Context, what string, span hunt.Span, events int64) (id string, err error) {
	m := marks.Mark{ID: newID(), When: markTime(), Who: "demo", What: marks.Bad, Note: what,
		Span: &marks.Span{From: time.Unix(0, span.From).UTC(), To: time.Unix(0, span.To).UTC()}}
	started := time.Now()
	if err := d.l.AddMark(ctx, m); err != nil {
		return "", err
	}
	_, t, err := d.train(ctx)
	if err != nil {
		return "", err
	}
	if t.Moved == 0 || events >= 0 && (t.Moved != events || t.Model.Bad != events) {
		return "", fmt.Errorf("the demo's lake is wrong: %d events became bad, there are %d in the window", t.Moved, events)
	}
	total := t.Model.Good + t.Model.Bad + t.Model.Ignored
	d.done("mark", "%s: %s read of %s, a new model in %.2f s.", what, plural(int(t.Read), "event"), term.Count(total), time.Since(started).Seconds())
	return m.ID, nil
}

// hunt hunts in the lake, where the marks say when, and compares with what was found in the logs.
func (d *demoLake) hunt(ctx context.Context, s *streams, r *hunt.Result, list []cluster.Campaign) error {
	f := &huntFlags{zone: r.Zone.String(), archive: archiveFlags{lake: d.l.Dir}}
	silent := &streams{in: s.in, out: s.out, err: discard{}}
	started := time.Now()
	mine, err := f.run(ctx, silent, nil)
	if err != nil {
		return err
	}
	defer mine.Close()
	took := time.Since(started)
	campaigns, err := cluster.Campaigns(mine, cluster.Options{})
	if err != nil {
		return err
	}
	var inLogs, inLake bytes.Buffer
	if err := errors.Join(writeJSON(&inLogs, r, list, 0, true), writeJSON(&inLake, mine, campaigns, 0, true)); err != nil {
		return err
	}
	if !bytes.Equal(inLogs.Bytes(), inLake.Bytes()) {
		return errors.New("the demo's lake is wrong: a hunt in it does not give what the hunt in the logs gave")
	}
	d.done("hunt", "in the lake, which knows the window by the mark: in %.1f s the %s of above, byte for byte.", took.Seconds(),
		plural(mine.Len(), "suspect"))
	return nil
}

// unmark takes a mark back. The model has to be the one before it, byte for byte.
func (d *demoLake) unmark(ctx context.Context, id, what string, before []byte) error {
	if _, err := d.l.TakeBack(ctx, marks.Mark{ID: newID(), When: markTime(), Who: "demo", Unmark: id}); err != nil {
		return err
	}
	model, t, err := d.train(ctx)
	if err != nil {
		return err
	}
	if !bytes.Equal(model, before) {
		return fmt.Errorf("the demo's lake is wrong: without the mark of %s the model is not that of before it", what)
	}
	sum := sha256.Sum256(model)
	state := "of before it"
	if t.Model.Bad == 0 {
		state = "of a lake without marks"
	}
	d.done("unmark", "%s: the model is the one %s, byte for byte (%s, SHA-256 %s…).", what, state,
		plural(len(model), "byte"), hex.EncodeToString(sum[:4]))
	return nil
}

// print writes what was done.
func (d *demoLake) print(s *streams) error {
	p := newPage(s.out)
	p.heading("The same in a lake", "weir ingest, mark, hunt, unmark --lake DIR: docs/lake.md")
	for _, step := range d.steps {
		p.entry(step[0], step[1])
	}
	return p.w.Flush()
}
