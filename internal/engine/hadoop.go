package engine

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/hdfs"
	"weir/internal/mapreduce"
)

// Hadoop runs jobs as Hadoop Streaming on YARN. Logs and results are in HDFS.
type Hadoop struct {
	Command   string // the program hadoop; empty: of HADOOP_HOME, or on the path
	Jar       string // of Hadoop Streaming; empty: that of HADOOP_HOME
	Output    string // an hdfs:// directory that is made and kept; empty: a temporary one
	Settings  []string
	MapMemory int // MB for a map task, Java and weir together; 0 leaves it to the cluster
	HDFS      *hdfs.Cluster
	User      string // for the name of temporary directories
	Nonce     string // that makes it this job's alone
	Progress  Progress

	stage int // jobs run so far
}

// Where implements Engine.
func (h *Hadoop) Where(name string) string { return name }

// Reads implements Engine.
func (h *Hadoop) Reads(name string) string {
	if !hdfs.IsURL(name) {
		return "it is a file of this machine; put it into HDFS first (hdfs dfs -put)"
	}
	base := path.Base(name)
	if strings.HasPrefix(base, "_") || strings.HasPrefix(base, ".") {
		return "Hadoop leaves out files whose names begin with _ or a dot; rename it"
	}
	if strings.ContainsAny(name, ",\n") {
		return "Hadoop cannot be given a name with a comma; rename it"
	}
	return ""
}

// Run implements Engine. Logs that Hadoop cannot cut, or reads differently from weir, are read by tasks on their own: a second job.
func (h *Hadoop) Run(ctx context.Context, t *Task) (_ *Records, err error) {
	bin, err := command(h.Command, "hadoop", os.Getenv("HADOOP_HOME"))
	if err != nil {
		return nil, err
	}
	jar, err := h.jar(bin)
	if err != nil {
		return nil, err
	}
	w, err := newWorkshop(t)
	if err != nil {
		return nil, err
	}
	defer w.close()
	r := &hadoopRun{h: h, t: t, w: w, bin: bin, jar: jar, counters: map[string]int64{}}
	h.stage++
	if err := r.makeDirectory(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			r.clean()
		}
	}()
	texts, own := divide(t.Plan)
	var outputs []string
	for _, part := range []struct {
		name string
		args func() ([]string, error)
		use  bool
	}{{"lines", func() ([]string, error) { return r.textArgs(texts) }, len(texts) > 0}, {"logs", func() ([]string, error) { return r.splitArgs(own) }, len(own) > 0}} {
		if !part.use {
			continue
		}
		out := path.Join(r.dir, part.name)
		args, err := part.args()
		if err != nil {
			return nil, err
		}
		if err := r.submit(ctx, part.name, args, out); err != nil {
			return nil, err
		}
		outputs = append(outputs, out)
	}
	if len(outputs) == 0 {
		return nil, errors.New("there is nothing in the logs: every one is empty or cannot be read")
	}
	records, err := r.fetch(outputs)
	if err != nil {
		return nil, err
	}
	return &Records{Reader: records, Counters: inOrder(r.counters), close: func() error {
		return errors.Join(records.Close(), r.clean())
	}}, nil
}

// jar finds the jar of Hadoop Streaming: where HADOOP_HOME, or the program's own place, has it in Apache's distribution or others.
func (h *Hadoop) jar(bin string) (string, error) {
	if h.Jar != "" {
		info, err := os.Stat(h.Jar)
		if err != nil || info.IsDir() {
			return "", fmt.Errorf("the jar of Hadoop Streaming, %q: %w", h.Jar, ErrNotThere)
		}
		return h.Jar, nil
	}
	homes := []string{os.Getenv("HADOOP_HOME"), os.Getenv("HADOOP_MAPRED_HOME")}
	if real, err := filepath.EvalSymlinks(bin); err == nil {
		home := filepath.Dir(filepath.Dir(real))
		homes = append(homes, home, filepath.Join(filepath.Dir(home), "hadoop-mapreduce"))
	}
	for _, home := range homes {
		if home == "" {
			continue
		}
		for _, dir := range []string{"share/hadoop/tools/lib", "lib", "."} {
			found, _ := filepath.Glob(filepath.Join(home, dir, "hadoop-streaming*.jar")) // the pattern is sound
			found = slices.DeleteFunc(found, func(name string) bool { return strings.Contains(name, "sources") || strings.Contains(name, "tests") })
			if len(found) > 0 {
				return found[len(found)-1], nil
			}
		}
	}
	return "", fmt.Errorf("the jar of Hadoop Streaming: %w", ErrNotThere)
}

// hadoopRun is one call of Run.
type hadoopRun struct {
	h        *Hadoop
	t        *Task
	w        *workshop
	bin, jar string
	system   *hdfs.System
	dir      string // in HDFS
	counters map[string]int64
}

// temporary is the directory in HDFS of what is temporary.
const temporary = "/tmp"

// makeDirectory makes the job's directory in HDFS.
func (r *hadoopRun) makeDirectory() error {
	link := r.h.Output
	if link == "" {
		link = fmt.Sprintf("hdfs://%s/weir-%s-%s", temporary, r.h.User, r.h.Nonce)
		if first := r.t.Plan.First(); hdfs.IsURL(first) { // where the logs are
			authority, _, _ := strings.Cut(strings.TrimPrefix(first, "hdfs://"), "/")
			link = strings.Replace(link, "hdfs:///", "hdfs://"+authority+"/", 1)
		}
	}
	var err error
	if r.system, r.dir, err = r.h.HDFS.System(link); err != nil {
		return fmt.Errorf("cannot write %q: %w", link, err)
	}
	if r.h.Output != "" && r.h.stage == 1 {
		if _, err := r.system.Stat(r.dir); err == nil {
			return fmt.Errorf("%q: %w", link, ErrExists)
		}
	}
	if _, err := r.system.Stat(temporary); r.h.Output == "" && errors.Is(err, fs.ErrNotExist) {
		if err := r.system.MakeTemp(temporary); err != nil {
			return fmt.Errorf("cannot make the directory %q: %w", r.system.URL(temporary), spaceOr(err))
		}
	}
	r.dir = path.Join(r.dir, fmt.Sprintf("%d-%s", r.h.stage, r.t.Plan.Job))
	if err := r.system.MkdirAll(r.dir); err != nil {
		return fmt.Errorf("cannot make the directory %q: %w", r.system.URL(r.dir), spaceOr(err))
	}
	return nil
}

// spaceOr tells a full file system from other errors.
func spaceOr(err error) error {
	d := &diagnosis{}
	d.see(err.Error())
	if d.cause != nil && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", d.cause, err)
	}
	return err
}

// clean removes what is temporary.
func (r *hadoopRun) clean() error {
	dir := r.dir
	if r.h.Output == "" {
		dir = path.Dir(dir)
	} else if entries, err := r.system.ReadDir(dir); err == nil && len(entries) > 0 {
		if _, err := r.system.Stat(path.Join(dir, "complete")); err == nil {
			return nil // it is the user's now
		}
	}
	err := r.system.RemoveAll(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if r.h.Output != "" && r.h.stage == 1 { // the directory was made by this job
		if entries, e := r.system.ReadDir(path.Dir(dir)); e == nil && len(entries) == 0 {
			err = errors.Join(err, r.system.RemoveAll(path.Dir(dir)))
		}
	}
	return err
}

// hadoopReducer is of how many bytes of logs a reduce task has the counts: each is a container that takes seconds to start.
const hadoopReducer = 8 << 30

// configuration is what a job wants of Hadoop, as a file of its own: a line end does not get through every shell.
func (r *hadoopRun) configuration(name string, more [][2]string) (string, error) {
	settings := [][2]string{
		{"mapreduce.job.name", "weir " + r.t.Plan.Job},
		{"mapreduce.job.reduces", strconv.Itoa(r.t.reducers(hadoopReducer, 64))},
		// A record's first two fields are its key, and the first alone says which reducer gets it.
		{"stream.num.map.output.key.fields", "2"},
		{"stream.num.reduce.output.key.fields", "2"}, // of the combiner's output too, which is merged with that of other tasks by its key
		{"mapreduce.partition.keypartitioner.options", "-k1,1"},
		{"mapreduce.map.output.compress", "true"},
	}
	if r.t.Maps > 0 {
		settings = append(settings, [2]string{"mapreduce.job.maps", strconv.Itoa(r.t.Maps)})
	}
	if r.h.MapMemory > 0 {
		settings = append(settings, [2]string{"mapreduce.map.memory.mb", strconv.Itoa(r.h.MapMemory)})
	}
	settings = append(settings, more...)
	for _, s := range r.h.Settings {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return "", fmt.Errorf("the setting %q is not NAME=VALUE", s)
		}
		settings = append(settings, [2]string{name, value})
	}
	settings = append(settings, [2]string{"mapreduce.output.fileoutputformat.compress", "false"}) // whatever the cluster has: weir reads it
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\"?>\n<configuration>\n")
	for _, s := range settings {
		b.WriteString("<property><name>")
		xml.EscapeText(&b, []byte(s[0])) // a strings.Builder takes everything
		b.WriteString("</name><value>")
		xml.EscapeText(&b, []byte(s[1]))
		b.WriteString("</value></property>\n")
	}
	b.WriteString("</configuration>\n")
	file := r.w.path(name)
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return "", fmt.Errorf("cannot write the job's settings: %w", err)
	}
	return file, nil
}

// globbed are the characters that mean something in a path to Hadoop.
var globbed = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, "{", `\{`, "}", `\}`)

// textArgs has Hadoop cut logs into splits and lines.
func (r *hadoopRun) textArgs(inputs []int) ([]string, error) {
	var names []string
	for _, i := range inputs {
		names = append(names, globbed.Replace(r.t.Plan.Inputs[i].Where()))
	}
	settings := [][2]string{{"textinputformat.record.delimiter", "\n"}} // or else a carriage return alone is a line end too
	if rest := names[:len(names)-1]; len(rest) > 0 {                    // there may be more than a command line holds
		settings = append(settings, [2]string{"mapreduce.input.fileinputformat.inputdir", strings.ReplaceAll(strings.Join(rest, ","), `\`, `\\`)}) // of -input Hadoop does that itself
	}
	conf, err := r.configuration("lines.xml", settings)
	if err != nil {
		return nil, err
	}
	return r.args(conf, names[len(names)-1], "map --plan "+planName), nil
}

// splitArgs has tasks open logs themselves: one task for each line of a file of splits.
func (r *hadoopRun) splitArgs(inputs []int) ([]string, error) {
	var b strings.Builder
	for _, x := range r.t.Plan.Splits(r.t.splitSize(ownSplit)) {
		if slices.Contains(inputs, x.Input) {
			fmt.Fprintf(&b, "%d\t%d\t%d\n", x.Input, x.Start, x.Length)
		}
	}
	list := path.Join(r.dir, "splits.txt")
	if err := r.system.Write(list, strings.NewReader(b.String())); err != nil {
		return nil, fmt.Errorf("cannot write %q: %w", r.system.URL(list), spaceOr(err))
	}
	settings := [][2]string{{"mapreduce.input.lineinputformat.linespermap", "1"}}
	if others := systems(r.t.Plan, inputs); len(others) > 0 { // of which Hadoop does not know: on a secured cluster tasks need a token of each
		settings = append(settings, [2]string{"mapreduce.job.hdfs-servers", strings.Join(others, ",")})
	}
	conf, err := r.configuration("logs.xml", settings)
	if err != nil {
		return nil, err
	}
	return append(r.args(conf, globbed.Replace(r.system.URL(list)), "map --splits --plan "+planName), "-inputformat", "org.apache.hadoop.mapred.lib.NLineInputFormat"), nil
}

// systems are the file systems, as hdfs://authority/, that logs are in and name.
func systems(p *mapreduce.Plan, inputs []int) (out []string) {
	for _, i := range inputs {
		authority, _, _ := strings.Cut(strings.TrimPrefix(p.Inputs[i].Where(), "hdfs://"), "/")
		if link := "hdfs://" + authority + "/"; hdfs.IsURL(p.Inputs[i].Where()) && authority != "" && !slices.Contains(out, link) {
			out = append(out, link)
		}
	}
	return out
}

func (r *hadoopRun) args(conf, input, mapper string) []string {
	var files []string
	for _, n := range r.w.names(r.t) {
		files = append(files, "file://"+r.w.path(n)+"#"+n)
	}
	reduce := "./" + binaryName + " reduce --job " + r.t.Plan.Job
	args := []string{"jar", r.jar, "-conf", conf, "-files", strings.Join(files, ","), "-input", input,
		"-mapper", "./" + binaryName + " " + mapper, "-reducer", reduce,
		"-partitioner", "org.apache.hadoop.mapred.lib.KeyFieldBasedPartitioner"}
	if r.t.Combine {
		args = append(args, "-combiner", reduce)
	}
	return args
}

// fetch opens the reducers' files, one after the other.
func (r *hadoopRun) fetch(outputs []string) (io.ReadCloser, error) {
	var names []string
	for _, dir := range outputs {
		list, err := r.system.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("cannot read the result %q: %w", r.system.URL(dir), err)
		}
		if !slices.ContainsFunc(list, func(i fs.FileInfo) bool { return i.Name() == "_SUCCESS" }) {
			return nil, fmt.Errorf("the result %q is not complete: it has no _SUCCESS", r.system.URL(dir))
		}
		for _, i := range list {
			if strings.HasPrefix(i.Name(), "part-") {
				names = append(names, path.Join(dir, i.Name()))
			}
		}
	}
	if r.h.Output != "" {
		if err := r.system.Write(path.Join(r.dir, "complete"), strings.NewReader(time.Now().UTC().Format(time.RFC3339)+"\n")); err != nil {
			return nil, fmt.Errorf("cannot write to %q: %w", r.system.URL(r.dir), spaceOr(err))
		}
	}
	return &files{system: r.system, names: names}, nil
}

// files are the bytes of several files, each opened when it is its turn.
type files struct {
	system *hdfs.System
	names  []string
	open   io.ReadCloser
}

func (f *files) Read(p []byte) (int, error) {
	for {
		if f.open == nil {
			if len(f.names) == 0 {
				return 0, io.EOF
			}
			var err error
			if f.open, err = f.system.Open(f.names[0]); err != nil {
				return 0, err
			}
			f.names = f.names[1:]
		}
		n, err := f.open.Read(p)
		if err == io.EOF {
			f.open.Close()
			f.open = nil
			err = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (f *files) Close() error {
	f.names = nil
	if f.open != nil {
		return f.open.Close()
	}
	return nil
}
