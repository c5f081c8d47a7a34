package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/beacon"
	"weir/internal/enrich"
	"weir/internal/filter"
	"weir/internal/hdfs"
	"weir/internal/hunt"
	"weir/internal/mapreduce"
	"weir/internal/token"
)

// The commands of this file are run by engines, on other machines, with what 'weir job' sent there. Their standard error is
// read by the engine: lines that begin with reporter: are counters and status.

type mapFlags struct {
	plan, input   string
	start, length int64
	splits        bool
	workers       int
}

func newMap(s *streams) *cobra.Command {
	f := &mapFlags{}
	cmd := &cobra.Command{
		Use:    "map --plan FILE [flags]",
		Short:  "read a split of logs for a job (engines run it)",
		Hidden: true,
		Args:   noArguments,
		Long: `Reads lines of a log on standard input, as an engine has cut them, and writes records for 'weir reduce' (docs/scale.md). Which
log it is, and where its split begins, say --input, --start and --length, or else the variables that Hadoop Streaming sets:
mapreduce_map_input_file, mapreduce_map_input_start and mapreduce_map_input_length.

With --splits standard input has lines of LOG, start and length in bytes, with tabs between them, and weir opens the logs itself. Of a
table in Parquet start is the number of a row group, from 0, and length how many; of a lake the line is 0, the number of a segment, and how many.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return inner(runMap(cmd.Context(), s, f)) },
	}
	p := cmd.Flags()
	p.SortFlags = false
	p.StringVar(&f.plan, "plan", "", "what to do, a `FILE` that 'weir job' has made")
	p.BoolVar(&f.splits, "splits", false, "read splits on standard input, not lines of a log")
	p.StringVar(&f.input, "input", "", "`LOG` that the lines are of")
	p.Int64Var(&f.start, "start", -1, "first `BYTE` of the split")
	p.Int64Var(&f.length, "length", -1, "`BYTES` of the split")
	p.IntVar(&f.workers, "workers", 1, "goroutines that decode")
	return cmd
}

type reduceFlags struct{ plan, job string }

func newReduce(s *streams) *cobra.Command {
	f := &reduceFlags{}
	cmd := &cobra.Command{
		Use:    "reduce --job NAME",
		Short:  "merge sorted records of a job (engines run it)",
		Hidden: true,
		Args:   noArguments,
		Long: `Reads records of 'weir map', sorted by their first two fields, on standard input, and writes them with the values of equal keys
merged. It is the combiner too.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return inner(runReduce(cmd.Context(), s, f)) },
	}
	cmd.Flags().StringVar(&f.job, "job", "", "the job's `NAME`: "+strings.Join(jobNames(), ", "))
	cmd.Flags().StringVar(&f.plan, "plan", "", "or the `FILE` of its plan")
	return cmd
}

// inner hides from run that a pipe was closed: for a task that is a failure.
func inner(err error) error {
	var u usageError
	var h hint
	if err == nil || errors.As(err, &u) || errors.As(err, &h) {
		return err
	}
	return errors.New(err.Error())
}

func runMap(ctx context.Context, s *streams, f *mapFlags) error {
	p, err := readPlan(f.plan)
	if err != nil {
		return err
	}
	job, err := jobOf(p)
	if err != nil {
		return err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	splits, err := f.read(p, s.in)
	if err != nil {
		return err
	}
	if len(splits) == 0 && f.splits {
		return nil
	}
	return mapreduce.Map(ctx, p, job, splits, mapreduce.NewWriter(s.out), mapreduce.MapOptions{Open: s.openPath, Segments: s.segments,
		Report: s.err, Now: time.Now, Workers: f.workers})
}

// read finds out what the task is to read.
func (f *mapFlags) read(p *mapreduce.Plan, in io.Reader) ([]mapreduce.Split, error) {
	if f.splits {
		return p.ReadSplits(in)
	}
	x := mapreduce.Split{Start: f.start, Length: f.length, Lines: in}
	name := f.input
	if name == "" {
		name = hadoopVariable("map_input_file")
	}
	if name == "" {
		return nil, usagef("which log is it? Say --input, or have the engine set mapreduce_map_input_file")
	}
	var err error
	if x.Input, err = p.Find(name); err != nil {
		return nil, err
	}
	for _, v := range []struct {
		to   *int64
		name string
		def  int64
	}{{&x.Start, "map_input_start", 0}, {&x.Length, "map_input_length", -1}} {
		if text := hadoopVariable(v.name); *v.to < 0 && text != "" && f.input == "" {
			if *v.to, err = strconv.ParseInt(text, 10, 64); err != nil {
				return nil, fmt.Errorf("cannot read mapreduce_%s: %w", v.name, err)
			}
		}
		if *v.to < 0 {
			*v.to = v.def
		}
	}
	return []mapreduce.Split{x}, nil
}

// hadoopVariable is a variable that Hadoop Streaming sets, by its new or its old name.
func hadoopVariable(name string) string {
	if v := os.Getenv("mapreduce_" + name); v != "" {
		return v
	}
	return os.Getenv(name)
}

func readPlan(name string) (*mapreduce.Plan, error) {
	if name == "" {
		return nil, usagef("no plan: name the file that 'weir job' has made, as --plan plan.json")
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the plan: %w", err)
	}
	defer file.Close()
	p, err := mapreduce.ReadPlan(bufio.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	dir := filepath.Dir(name)
	var heads io.ReaderAt
	if p.Heads != 0 {
		f, err := os.Open(filepath.Join(dir, mapreduce.HeadsName)) // for as long as the task runs
		if err != nil {
			return nil, fmt.Errorf("cannot read what goes along with the plan: %w", err)
		}
		heads = f
	}
	p.LiesIn(dir, heads)
	return p, nil
}

// openPath opens a log for a task.
func (s *streams) openPath(path string) (io.ReadSeekCloser, error) {
	if hdfs.IsURL(path) {
		system, name, err := s.hdfs.System(path)
		if err != nil {
			return nil, err
		}
		return system.Open(name)
	}
	return os.Open(strings.TrimPrefix(path, "file://"))
}

func runReduce(ctx context.Context, s *streams, f *reduceFlags) error {
	name := f.job
	if f.plan != "" {
		p, err := readPlan(f.plan)
		if err != nil {
			return err
		}
		name = p.Job
	}
	kinds, err := kindsOfJob(name)
	if err != nil {
		return err
	}
	return mapreduce.Reduce(ctx, kinds, s.in, s.out)
}

// A taskJob is a job that tasks know.
type taskJob struct {
	name  string
	kinds func() []mapreduce.Kind
	job   func(p *mapreduce.Plan) (*mapreduce.Job, error)
}

func taskJobs() []taskJob {
	return []taskJob{
		{mapreduce.JobCount, mapreduce.CountKinds, countJob},
		{filter.JobTrain, trainKinds, trainJob},
		{jobScore, scoreKinds, scoreJob},
		{beacon.JobBeacon, beacon.Kinds, beaconJob},
		{hunt.JobHunt, huntKinds, huntJob},
		{hunt.JobProfile, hunt.ProfileKinds, profileJob},
	}
}

func jobNames() (names []string) {
	for _, j := range taskJobs() {
		names = append(names, j.name)
	}
	return names
}

// jobOf returns the job that a plan is for.
func jobOf(p *mapreduce.Plan) (*mapreduce.Job, error) {
	for _, j := range taskJobs() {
		if j.name == p.Job {
			return j.job(p)
		}
	}
	return nil, fmt.Errorf("this weir has no job %q, but %s", p.Job, strings.Join(jobNames(), ", "))
}

func kindsOfJob(name string) ([]mapreduce.Kind, error) {
	for _, j := range taskJobs() {
		if j.name == name {
			return j.kinds(), nil
		}
	}
	return nil, usagef("which job? Say --job and one of %s", strings.Join(jobNames(), ", "))
}

func countJob(p *mapreduce.Plan) (*mapreduce.Job, error) {
	enrichment, err := enrichmentOf(p)
	if err != nil {
		return nil, err
	}
	return mapreduce.CountJob(p, enrichment), nil
}

func profileJob(p *mapreduce.Plan) (*mapreduce.Job, error) {
	enrichment, err := enrichmentOf(p)
	if err != nil {
		return nil, err
	}
	return hunt.ProfileJob(p.Seed, enrichment), nil
}

// enrichmentOf says what tasks know of addresses.
func enrichmentOf(p *mapreduce.Plan) (func() *token.Enrichment, error) {
	zone := p.Location()
	if p.GeoIP == "" {
		return func() *token.Enrichment { return token.NewEnrichment(zone, nil) }, nil
	}
	geo, err := enrich.OpenGeoDB(p.File(p.GeoIP))
	if err != nil {
		return nil, err
	}
	return func() *token.Enrichment { return token.NewEnrichment(zone, geo) }, nil
}
