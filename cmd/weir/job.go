package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/engine"
	"weir/internal/hdfs"
	"weir/internal/mapreduce"
	"weir/internal/source"
)

// jobFlags say which engine does the work, and how.
type jobFlags struct {
	on, output, binary       string
	inputs                   []string
	hadoop, jar, sparkSubmit string
	master, segments         string
	settings                 []string
	maps, reducers, memory   int
	splitMB                  int64
	noCombiner, whole        bool
}

// engineNames are what --on takes.
var engineNames = []string{"hadoop", "spark", "local"}

func newJob(s *streams) *cobra.Command {
	f := &jobFlags{}
	cmd := &cobra.Command{
		Use:   "job --on ENGINE COMMAND [flags]",
		Short: "run a command on Hadoop or Spark, where the logs are",
		Long: `Runs a command of weir as a job of the engine that you have: reading and counting happen on its machines, where the logs are, what
comes after on this one. The result is the same, byte for byte, as without an engine (docs/scale.md).

  hadoop   Hadoop Streaming on YARN; logs are named hdfs://…
  spark    spark-submit; logs are named as all its machines can read them
  local    processes of this machine, to try a job out

weir sends itself along: give --binary if the machines there are of another kind.`,
		Example: `  weir job --on hadoop train --good hdfs:///logs/good --bad hdfs:///logs/bad --filter web.weir
  weir job --on hadoop hunt --window "2026-03-01 02:10/2026-03-01 04:30" --input hdfs:///logs/zeek
  weir job --on spark --master yarn score --filter web.weir hdfs:///logs/today
  weir job --on spark --segments hdfs:///lake hunt --lake archive --window "2026-03-01 02:10/2026-03-01 04:30"`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noJob(args[0])
			}
			return cmd.Help()
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return f.start(cmd, s) },
	}
	p := cmd.PersistentFlags()
	p.StringVar(&f.on, "on", "", "the `ENGINE`: "+strings.Join(engineNames, ", "))
	p.StringArrayVar(&f.inputs, "input", nil, "a `LOG`, as an argument would name it; may be repeated")
	p.StringVar(&f.output, "output", "", "keep the records that the job made in this new `DIR` (hdfs://… on Hadoop)")
	p.StringVar(&f.segments, "segments", "", "with --lake, where tasks find the lake's directory: its `URL`, hdfs://…, or path (default: as --lake says)")
	p.StringVar(&f.binary, "binary", "", "weir for the machines of the cluster, a `FILE` (default: this one)")
	p.StringVar(&f.hadoop, "hadoop", "", "the `FILE` that is the program hadoop (default: bin/hadoop of HADOOP_HOME, or on the path)")
	p.StringVar(&f.jar, "streaming-jar", "", "the `FILE` that is the jar of Hadoop Streaming (default: hadoop-streaming-*.jar of HADOOP_HOME)")
	p.StringVar(&f.sparkSubmit, "spark-submit", "", "the `FILE` that is the program spark-submit (default: bin/spark-submit of SPARK_HOME, or on the path)")
	p.StringVar(&f.master, "master", "", "for spark-submit: the `URL` of the cluster")
	p.StringArrayVar(&f.settings, "set", nil, "a setting of the engine, `NAME=VALUE`, as -D or --conf would give it; may be repeated")
	p.IntVar(&f.maps, "maps", 0, "about how many map `TASKS` (default: the engine's)")
	p.IntVar(&f.reducers, "reducers", 0, "reduce `TASKS` (default: by the size of the logs)")
	p.IntVar(&f.memory, "map-memory", 0, "`MB` of memory for a map task (default: the cluster's)")
	p.Int64Var(&f.splitMB, "split", 128, "on Spark and local, `MB` that a map task reads")
	p.BoolVar(&f.noCombiner, "no-combiner", false, "do not merge records before they leave a machine")
	p.BoolVar(&f.whole, "whole", false, "let one task read each log: for logs whose header changes on the way")
	cmd.AddCommand(newTrain(s), newHunt(s), newScore(s), newBeacons(s))
	for _, c := range cmd.Commands() {
		run := c.RunE
		c.RunE = func(cmd *cobra.Command, args []string) error {
			err := f.checkSegments(cmd)
			if err == nil {
				err = run(cmd, append(slices.Clone(args), f.inputs...))
			}
			if err == nil && !s.job.ran {
				return usagef("%q with these flags is not done by an engine: leave out 'job --on %s'", cmd.Name(), f.on)
			}
			return explainJob(err)
		}
	}
	return cmd
}

// checkSegments makes sure that a lake is read where its segments are said to be elsewhere.
func (f *jobFlags) checkSegments(cmd *cobra.Command) error {
	if given := cmd.Flags().Lookup("lake"); f.segments != "" && (given == nil || given.Value.String() == "") {
		return usagef("--segments says where tasks find a lake: name the lake with --lake DIR")
	}
	return nil
}

func noJob(name string) error {
	return usagef("there is no job %q; there are train, hunt, score and beacons", name)
}

// A job is what a command needs to run on an engine.
type job struct {
	engine engine.Engine
	flags  *jobFlags
	show   func(line string)
	ran    bool
}

// start sets up the engine.
func (f *jobFlags) start(cmd *cobra.Command, s *streams) error {
	if cmd.Name() == "job" {
		return nil
	}
	j := &job{flags: f}
	j.show = func(line string) { fmt.Fprintf(s.err, "weir: %s\n", clean(line)) }
	if f.reducers < 0 || f.maps < 0 || f.memory < 0 || f.splitMB < 1 {
		return usagef("--split must be at least 1, --maps, --reducers and --map-memory cannot be negative")
	}
	if err := f.meant(cmd); err != nil {
		return err
	}
	switch f.on {
	case "hadoop":
		if f.output != "" && !hdfs.IsURL(f.output) {
			return usagef("--output %q is not in HDFS: write hdfs://…", f.output)
		}
		j.engine = &engine.Hadoop{Command: f.hadoop, Jar: f.jar, Output: f.output, Settings: f.settings, MapMemory: f.memory, HDFS: &s.hdfs,
			User: userName(), Nonce: nonce(), Progress: j.show}
	case "spark":
		j.engine = &engine.Spark{Submit: f.sparkSubmit, Master: f.master, Output: f.output, Settings: f.settings, SplitSize: f.splitMB << 20, Progress: j.show}
	case "local":
		j.engine = &engine.Local{SplitSize: f.splitMB << 20}
	case "":
		return usagef("on what? Say --on and one of %s", strings.Join(engineNames, ", "))
	default:
		return usagef("--on %s: there is no such engine; write one of %s", f.on, strings.Join(engineNames, ", "))
	}
	s.job = j
	return nil
}

// meant is an error for flags that mean nothing to the engine.
func (f *jobFlags) meant(cmd *cobra.Command) error {
	only := map[string][]string{"hadoop": {"hadoop", "streaming-jar", "map-memory"}, "spark": {"spark-submit", "master"}}
	for engine, flags := range only {
		for _, name := range flags {
			if engine != f.on && f.on != "" && cmd.Flags().Changed(name) {
				return usagef("--%s is for --on %s", name, engine)
			}
		}
	}
	switch {
	case f.on == "hadoop" && cmd.Flags().Changed("split"):
		return hintf(usagef("--split is for --on spark and local"), "Hadoop cuts logs by their blocks; --set mapreduce.input.fileinputformat.split.minsize=BYTES makes splits larger.")
	case f.on == "spark" && hdfs.IsURL(f.output):
		return hintf(usagef("--output of a job on Spark is a directory of this machine"), "Write it there and copy it: hdfs dfs -put.")
	case f.on == "local":
		for _, name := range []string{"output", "set"} {
			if cmd.Flags().Changed(name) {
				return usagef("--%s is for --on hadoop and spark", name)
			}
		}
	}
	return nil
}

func userName() string {
	if name := os.Getenv("HADOOP_USER_NAME"); name != "" {
		return name
	}
	u, err := user.Current()
	if err != nil {
		return "nobody"
	}
	return u.Username
}

func nonce() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // it does not fail
	return hex.EncodeToString(b)
}

// planFor makes the plan of a job over inputs. The job's options, and how logs are read, are the caller's to add.
func planFor(s *streams, inputs []source.Input, name string, seed uint64, zone *time.Location) (*mapreduce.Plan, error) {
	p := mapreduce.NewPlan(version(), name, seed, zone)
	return p, addInputs(s, p, inputs)
}

// addInputs adds logs to a plan, by the names that the engine's tasks know.
func addInputs(s *streams, p *mapreduce.Plan, inputs []source.Input) error {
	for _, in := range inputs {
		if why := s.job.engine.Reads(in.Name); why != "" {
			return fmt.Errorf("%q: %w: %s", in.Name, engine.ErrInput, why)
		}
		where := s.job.engine.Where(in.Name)
		if hdfs.IsURL(where) {
			full, err := s.hdfs.Full(where)
			if err != nil {
				return explainHDFS(err)
			}
			where = full
		}
		if err := p.Add(in, where); err != nil {
			return err
		}
	}
	return nil
}

// runOn runs a job on the engine and returns its reduced records. files go along to the tasks.
func runOn(ctx context.Context, s *streams, p *mapreduce.Plan, files ...string) (io.ReadCloser, error) {
	f := s.job.flags
	s.job.ran = true
	if p.Zone == time.Local.String() {
		return nil, usagef("--zone %s is another one on each machine: name the zone, as Europe/Berlin", p.Zone)
	}
	p.Sent = files
	for i := range p.Inputs {
		p.Inputs[i].Whole = p.Inputs[i].Whole || f.whole
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	binary := f.binary
	if binary == "" {
		var err error
		if binary, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("cannot find weir itself: %w; name it with --binary", err)
		}
	} else if info, err := os.Stat(binary); err != nil || !info.Mode().IsRegular() {
		return nil, usagef("--binary: there is no file %q", binary)
	}
	r, err := s.job.engine.Run(ctx, &engine.Task{Plan: p, Binary: binary, Maps: f.maps, Reducers: f.reducers, Combine: !f.noCombiner})
	if err != nil {
		return nil, err
	}
	var counters []string
	for _, c := range r.Counters {
		counters = append(counters, fmt.Sprintf("%s %d", c.Name, c.Value))
	}
	if len(counters) > 0 {
		s.job.show("the tasks counted: " + strings.Join(counters, ", "))
	}
	return r, nil
}

// sent are the files that go along to tasks: those that were named.
func sent(names ...string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return n == "" })
}

// explainJob adds to an engine's error what to do about it.
func explainJob(err error) error {
	var h hint
	if err == nil || errors.As(err, &h) {
		return err
	}
	for _, x := range []struct {
		cause error
		next  string
	}{
		{mapreduce.ErrHeader, "Run it again with --whole, so that each log is read by one task."},
		{engine.ErrWrongJar, "Give --streaming-jar the hadoop-streaming-VERSION.jar of your distribution (share/hadoop/tools/lib)."},
		{engine.ErrNotThere, "Set HADOOP_HOME (or SPARK_HOME) to where the engine is installed, or name its program: --hadoop, --streaming-jar, --spark-submit."},
		{engine.ErrExists, "Name an --output that is not there, or remove it (hdfs dfs -rm -r)."},
		{engine.ErrMemory, "Give tasks more: --map-memory MB on Hadoop (or --set mapreduce.reduce.memory.mb=MB), --set spark.executor.memoryOverhead=MB on Spark."},
		{engine.ErrBinary, "Give --binary a weir for those machines: CGO_ENABLED=0 go build makes one that runs on every Linux of their processor."},
		{engine.ErrSpace, "Free space or have the quota raised (hdfs dfs -count -q shows it), then run the job again."},
		{engine.ErrUnreachable, "Is the cluster running, and does HADOOP_CONF_DIR hold its configuration (yarn-site.xml)? For Spark, is --master right?"},
		{engine.ErrKerberos, "Run kinit: Java takes the ticket of kinit (KRB5CCNAME, a file), no keytab, and /etc/krb5.conf; HADOOP_CLIENT_OPTS and SPARK_SUBMIT_OPTS can have -Djava.security.krb5.conf=FILE."},
		{engine.ErrTaskLogin, "Tasks that open logs themselves log in with the job's token, which YARN gives them for each HDFS that the logs are in; elsewhere (Spark's own cluster) with a ticket cache or keytab of the " +
			"machine that they run on. Or leave out 'job --on …': then weir reads the logs here."},
		{engine.ErrPermission, "Ask for the right, or set HADOOP_USER_NAME to a user who has it."},
		{engine.ErrResult, "Have more reducers (--reducers N), or --set spark.driver.maxResultSize=4g and --set spark.driver.memory=4g."},
		{engine.ErrBlock, "Are all DataNodes up, and has the NameNode left safe mode? 'hdfs dfsadmin -report' and 'hdfs fsck' say so."},
		{engine.ErrTask, "What weir said there stands above; the same plan fails again until that is mended."},
		{engine.ErrFailed, "The engine's own log says why; the lines above are its last."},
	} {
		if errors.Is(err, x.cause) {
			return hintf(err, "%s", x.next)
		}
	}
	return explainHDFS(err)
}
