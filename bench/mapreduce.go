package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"weir/internal/event"
	"weir/internal/filter"
	"weir/internal/format"
	"weir/internal/mapreduce"
	"weir/internal/source"
	"weir/internal/token"
)

// mapTasks is into how many tasks the throughput data are divided.
const mapTasks = 8

// mapreduce measures tasks of jobs against the same work without an engine, and what goes from mappers to reducers.
func (b *bench) mapreduce(ctx context.Context) error {
	c, err := b.unpack()
	if err != nil {
		return err
	}
	defer os.RemoveAll(c.dir)
	var inputs []source.Input
	for _, name := range c.files {
		in, err := source.File(name)
		if err != nil {
			return err
		}
		inputs = append(inputs, in)
	}
	enrichment := func() *token.Enrichment { return token.NewEnrichment(time.UTC, nil) }
	p := mapreduce.NewPlan("bench", mapreduce.JobCount, 1, time.UTC)
	for _, in := range inputs {
		if err := p.Add(in, in.Name); err != nil {
			return err
		}
	}
	fmt.Printf("\n## Tasks of jobs\n\n%d events, %d tasks, processor time of reading and counting; what goes to reducers, per record, after combining.\n\n"+
		"| job | local, events/s | mapper, events/s | mapper / local | bytes to reducers, per record | reduced |\n|---|--:|--:|--:|--:|--:|\n", c.events, mapTasks)
	alternate := func() filter.Labeller {
		return func(_ *event.Event, pos format.Position, _ []byte) filter.Label {
			return filter.Good + filter.Label(pos.File&1)
		}
	}
	jobs := []*mapreduce.Job{mapreduce.CountJob(p, enrichment), filter.TrainJob(filter.TrainOptions{Label: alternate, Enrich: enrichment})}
	for _, job := range jobs {
		plan := *p
		plan.Job = job.Name
		if err := b.mapJob(ctx, &plan, job, inputs, c.events); err != nil {
			return err
		}
	}
	return nil
}

// mapJob measures one job.
func (b *bench) mapJob(ctx context.Context, p *mapreduce.Plan, job *mapreduce.Job, inputs []source.Input, events int64) error {
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	tasks := divide(p, mapTasks)
	open := func(name string) (io.ReadSeekCloser, error) { return os.Open(name) }
	local, mapped := time.Duration(0), time.Duration(0)
	repeat := 3
	if b.quick {
		repeat = 1
	}
	for range repeat {
		took, err := processorTime(func() error { return scanOnly(ctx, p, job, inputs) })
		if err != nil {
			return err
		}
		if local == 0 || took < local {
			local = took
		}
		took, err = processorTime(func() error {
			for _, splits := range tasks {
				if err := mapreduce.Map(ctx, p, job, splits, mapreduce.NewWriter(io.Discard), mapreduce.MapOptions{Open: open}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if mapped == 0 || took < mapped {
			mapped = took
		}
	}
	out, shuffled, err := mapreduce.Local(ctx, p, job, tasks, 2, true, mapreduce.MapOptions{Open: open})
	if err != nil {
		return err
	}
	byKind := map[byte]int{}
	for l := range bytes.Lines(out) {
		byKind[l[0]] += len(l)
	}
	fmt.Printf("| %s | %.0f | %.0f | %.0f %% | %.1f | %.1f MB %s |\n", job.Name, float64(events)/local.Seconds(), float64(events)/mapped.Seconds(),
		100*local.Seconds()/mapped.Seconds(), float64(shuffled)/float64(events), float64(len(out))/1e6, kinds(byKind))
	b.row("mapper of "+job.Name+" on one core against the local run per core", "80 %", "95 %", "%.0f %%", 100*local.Seconds()/mapped.Seconds())
	b.row("bytes to reducers per record, "+job.Name+", maccdc2012", "25", "8", "%.1f", float64(shuffled)/float64(events))
	return nil
}

func kinds(by map[byte]int) string {
	out := ""
	for c := byte('A'); c <= 'z'; c++ {
		if by[c] > 0 {
			out += fmt.Sprintf(" %c:%.1f", c, float64(by[c])/1e6)
		}
	}
	return out
}

// scanOnly does what a worker of a local run does: it reads and gathers.
func scanOnly(ctx context.Context, p *mapreduce.Plan, job *mapreduce.Job, inputs []source.Input) error {
	o := format.ScanOptions{Options: format.Options{Zone: time.UTC}, Workers: 1, FileTimes: true}
	var failed error
	_, err := format.Scan(ctx, inputs, o, func(_ int, keys *event.Keys) format.Handler {
		m, err := job.Mapper(keys, mapreduce.NewWriter(io.Discard))
		if err != nil {
			failed = err
		}
		return m
	})
	if failed != nil {
		return failed
	}
	return err
}

// divide gives as many tasks as are wanted splits of about the same size.
func divide(p *mapreduce.Plan, tasks int) [][]mapreduce.Split {
	total := int64(0)
	for i := range p.Inputs {
		total += p.Inputs[i].Size
	}
	out := make([][]mapreduce.Split, tasks)
	at := int64(0)
	for _, s := range p.Splits(total / int64(tasks)) {
		k := min(int(at*int64(tasks)/total), tasks-1)
		out[k] = append(out[k], s)
		at += s.Length
	}
	return out
}
