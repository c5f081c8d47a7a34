package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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
	if err := b.reducer(ctx); err != nil { // before this program is large, see peakMemory
		return err
	}
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
	p := mapreduce.NewPlan("bench", mapreduce.JobCount, 1, time.UTC)
	for _, in := range inputs {
		if err := p.Add(in, in.Name); err != nil {
			return err
		}
	}
	fmt.Printf("\n## Tasks of jobs\n\n%d events, %d tasks, processor time of reading and counting; what goes to reducers, per record, after combining.\n\n"+
		"| job | local, events/s | mapper, events/s | mapper / local | bytes to reducers, per record | reduced |\n|---|--:|--:|--:|--:|--:|\n", c.events, mapTasks)
	count, training := mapreduce.CountJob(p, enrichment), filter.TrainOptions{Label: alternate, Enrich: enrichment}
	for _, j := range []measuredJob{
		{count, func(o format.ScanOptions) error { return scanOnly(ctx, inputs, o, count) }},
		{filter.TrainJob(p, training), func(o format.ScanOptions) error { return gatherOnly(ctx, inputs, o, training) }},
	} {
		plan := *p
		plan.Job = j.Name
		if err := b.mapJob(ctx, &plan, &j, c.events); err != nil {
			return err
		}
	}
	return b.otherLogs(ctx)
}

func enrichment() *token.Enrichment { return token.NewEnrichment(time.UTC, nil) }

// alternate labels every other log as bad.
func alternate() filter.Labeller {
	return func(_ *event.Event, pos format.Position, _ []byte) filter.Label {
		return filter.Good + filter.Label(pos.File&1)
	}
}

// A measuredJob is a job, and what a worker of a local run does of it: it reads and gathers.
type measuredJob struct {
	*mapreduce.Job
	local func(o format.ScanOptions) error
}

// reducer has one reducer merge the counts of very many distinct tokens of one field, that ten tasks have seen.
func (b *bench) reducer(ctx context.Context) error {
	tokens := 50_000_000
	if b.quick {
		tokens = 2_000_000
	}
	const tasks = 10
	in, w := io.Pipe()
	go func() {
		r := rand.New(rand.NewPCG(1, 1))
		out := mapreduce.NewWriter(w)
		buckets := 1 << mapreduce.DefaultBuckets
		cells := make([]mapreduce.Cell, tokens/buckets/tasks)
		var value []byte
		for bucket := range buckets {
			key := append([]byte("message\x00"), 0, byte(bucket))
			for range tasks {
				for i := range cells {
					cells[i] = mapreduce.Cell{Key: r.Uint64() >> mapreduce.DefaultBuckets, Tag: r.Uint64N(24) << 1, N: 1 + r.Uint64N(3)}
				}
				value = mapreduce.AppendBundle(value[:0], cells)
				if err := out.Put('c', key, nil, value); err != nil {
					break
				}
			}
		}
		w.CloseWithError(out.Flush())
	}()
	counted := &counting{}
	p, err := start(ctx, b.dir, in, counted, b.weir, "reduce", "--job", "count")
	in.CloseWithError(err)
	if err != nil {
		return err
	}
	if counted.lines != 1<<mapreduce.DefaultBuckets {
		return fmt.Errorf("the reducer wrote %d records", counted.lines)
	}
	fmt.Printf("\n%d distinct tokens of %d tasks through one reducer: %.1f s of processor time, peak memory %s, %.1f bytes a token.\n", tokens, tasks, p.cpu.Seconds(), megabytes(p.peak),
		float64(counted.bytes)/float64(tokens))
	b.row(fmt.Sprintf("vocabulary of %d M distinct tokens through a reducer", tokens/1_000_000), "512 MB", "128 MB", "%s", megabytes(p.peak))
	return nil
}

// counting counts what is written to it.
type counting struct{ bytes, lines int64 }

func (c *counting) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	c.lines += int64(bytes.Count(p, []byte{'\n'}))
	return len(p), nil
}

// mapJob measures one job.
func (b *bench) mapJob(ctx context.Context, p *mapreduce.Plan, job *measuredJob, events int64) error {
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
		took, err := processorTime(func() error {
			return job.local(format.ScanOptions{Options: format.Options{Zone: time.UTC}, Workers: 1, FileTimes: true})
		})
		if err != nil {
			return err
		}
		if local == 0 || took < local {
			local = took
		}
		took, err = processorTime(func() error {
			for _, splits := range tasks {
				if err := mapreduce.Map(ctx, p, job.Job, splits, mapreduce.NewWriter(io.Discard), mapreduce.MapOptions{Open: open}); err != nil {
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
	out, shuffled, err := mapreduce.Local(ctx, p, job.Job, tasks, 2, true, mapreduce.MapOptions{Open: open})
	if err != nil {
		return err
	}
	if job.Name == filter.JobTrain {
		_, took, err := assemble(p, filter.TrainOptions{Enrich: enrichment}, out)
		if err != nil {
			return err
		}
		defer fmt.Printf("\nAssembly of training: %.2f s of processor time.\n", took.Seconds())
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

// scanOnly reads with the mapper of a job.
func scanOnly(ctx context.Context, inputs []source.Input, o format.ScanOptions, job *mapreduce.Job) error {
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

// gatherOnly reads as training does, and stops there.
func gatherOnly(ctx context.Context, inputs []source.Input, o format.ScanOptions, training filter.TrainOptions) error {
	gathered := errors.New("gathered")
	training.Workers, training.Zone, training.Choice = 1, time.UTC, &format.Choice{}
	training.Scan = func(ctx context.Context, _ format.ScanOptions, newHandler func(worker int, keys *event.Keys) format.Handler) (*format.Summary, error) {
		s, err := format.Scan(ctx, inputs, o, newHandler)
		if err == nil {
			err = gathered
		}
		return s, err
	}
	if _, _, err := filter.Train(ctx, inputs, training); !errors.Is(err, gathered) {
		return err
	}
	return nil
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
