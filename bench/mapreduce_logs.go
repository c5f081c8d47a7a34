package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weir/internal/filter"
	"weir/internal/mapreduce"
	"weir/internal/source"
)

// otherLogs measures what training sends of logs that are not as those of the throughput data: small ones, those that repeat
// themselves, and texts that never do.
func (b *bench) otherLogs(ctx context.Context) error {
	var sets [][]string
	for _, pattern := range []string{"incidents/*/logs", "m1-http/csic2010/lines"} {
		dirs, err := filepath.Glob(filepath.Join(b.shared, "data", pattern))
		if err != nil {
			return err
		}
		for _, dir := range dirs {
			logs, err := filepath.Glob(filepath.Join(dir, "*.gz"))
			if err != nil {
				return err
			}
			logs = slices.DeleteFunc(logs, func(name string) bool { return strings.HasPrefix(filepath.Base(name), "test.") })
			if len(logs) > 0 {
				sets = append(sets, logs)
			}
		}
	}
	fmt.Printf("\nTraining on other logs, %d tasks; processor time of reading the reduced records back.\n\n"+
		"| logs | records | bytes to reducers, per record | reduced | examples, seen, other | assembly |\n|---|--:|--:|--:|--:|--:|\n", mapTasks)
	for _, logs := range sets {
		if err := b.trainOn(ctx, logs); err != nil {
			return fmt.Errorf("%s: %w", logs[0], err)
		}
	}
	return nil
}

// trainOn measures training on some logs, each as a class of its own.
func (b *bench) trainOn(ctx context.Context, logs []string) error {
	dir, err := os.MkdirTemp(b.dir, "logs")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p := mapreduce.NewPlan("bench", filter.JobTrain, 1, time.UTC)
	for _, log := range logs {
		name := filepath.Join(dir, strings.TrimSuffix(filepath.Base(log), ".gz"))
		if err := gunzip(log, name); err != nil {
			return err
		}
		in, err := source.File(name)
		if err != nil {
			return err
		}
		if err := p.Add(in, in.Name); err != nil {
			return err
		}
	}
	o := filter.TrainOptions{Label: alternate, Enrich: enrichment}
	open := func(name string) (io.ReadSeekCloser, error) { return os.Open(name) }
	out, shuffled, err := mapreduce.Local(ctx, p, filter.TrainJob(p, o), divide(p, mapTasks), 2, true, mapreduce.MapOptions{Open: open})
	if err != nil {
		return err
	}
	records, took, err := assemble(p, o, out)
	if err != nil {
		return err
	}
	fmt.Printf("| %s | %d | %.1f | %.1f MB | %s | %.2f s |\n", filepath.Base(strings.TrimSuffix(strings.TrimSuffix(filepath.Dir(logs[0]), "/logs"), "/lines")), records,
		float64(shuffled)/float64(records), float64(len(out))/1e6, shares(out), took.Seconds())
	return nil
}

// assemble reads the reduced records of training back, as far as learning.
func assemble(p *mapreduce.Plan, o filter.TrainOptions, records []byte) (n int64, took time.Duration, err error) {
	took, err = processorTime(func() error {
		g := filter.NewGathering(o)
		a, err := mapreduce.Assemble(p, filter.TrainKinds(), bytes.NewReader(records), g.Take)
		if err != nil {
			return err
		}
		n = a.Summary.Records()
		return g.Gather()
	})
	return n, took, err
}

// shares says of what kinds records are.
func shares(records []byte) string {
	var n [3]int
	for l := range bytes.Lines(records) {
		switch l[0] {
		case 'x':
			n[0] += len(l)
		case 's':
			n[1] += len(l)
		default:
			n[2] += len(l)
		}
	}
	total := float64(max(len(records), 1))
	return fmt.Sprintf("%.0f, %.0f, %.0f %%", 100*float64(n[0])/total, 100*float64(n[1])/total, 100*float64(n[2])/total)
}

func gunzip(from, to string) (err error) {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, z)
	if e := out.Close(); err == nil {
		err = e
	}
	return err
}
