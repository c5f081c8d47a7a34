package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"weir/internal/ask"
	"weir/internal/lake"
	"weir/internal/term"
)

// queryFlags are the command line of query as it was typed.
type queryFlags struct {
	archive        archiveFlags
	format, output string
	collection     string
	memory, limit  int
}

func newQuery(s *streams) *cobra.Command {
	f := &queryFlags{}
	cmd := &cobra.Command{
		Use:   `query {--lake DIR "SELECT ..." | --store URI '[{"$match": ...}]'} [flags]`,
		Short: "ask a lake in SQL, or a store in MongoDB by a pipeline",
		Long: `Runs one SELECT over the lake in DIR. There are the views events, counts and malformed, and the tables marks and sources;
docs/lake.md lists their columns. The SQL is that of DuckDB. Nothing but the lake can be read, and nothing changed.

A store in MongoDB takes an aggregation pipeline, of stages that only read, in MongoDB's extended JSON.`,
		Example: `  weir query --lake /var/lib/weir "SELECT source_ip, count(*) AS n FROM events GROUP BY ALL ORDER BY n DESC LIMIT 10"
  weir query --lake /var/lib/weir --format parquet --output day.parquet "FROM events WHERE day = '2026-03-01'"
  weir query --store mongodb://db.example/weir '[{"$group": {"_id": "$source.ip", "n": {"$sum": 1}}}, {"$sort": {"n": -1}}]'`,
		RunE: func(cmd *cobra.Command, args []string) error { return runQuery(cmd.Context(), s, f, args) },
	}
	p := cmd.Flags()
	p.SortFlags = false
	f.archive.add(cmd, "the lake's `DIR`")
	p.StringVar(&f.format, "format", "table", "how to write the answer: table, csv, json (one object a line) or parquet")
	p.StringVar(&f.output, "output", "", "write the answer into this `FILE`, which must not be there yet")
	p.StringVar(&f.collection, "collection", "events", "with --store, ask this collection: events, malformed, batches, sources or counts")
	p.IntVar(&f.limit, "limit", 1000, "rows of a table that are shown; with --store, documents that are fetched")
	p.IntVar(&f.memory, "memory", 1024, "`MB` that the engine may take; what does not fit goes to temporary files")
	return cmd
}

func runQuery(ctx context.Context, s *streams, f *queryFlags, args []string) error {
	if err := f.check(args); err != nil {
		return err
	}
	if f.archive.store != "" {
		return f.answer(s, func(sink ask.Sink) error { return f.pipeline(ctx, s, args[0], sink) })
	}
	l, err := lake.Open(ctx, f.archive.lake, nil)
	if err != nil {
		return explainArchive(err)
	}
	defer l.Close()
	temp, err := os.MkdirTemp("", "weir-query-*")
	if err != nil {
		return fmt.Errorf("cannot make a directory for what does not fit into memory: %w", err)
	}
	defer os.RemoveAll(temp)
	session, err := ask.Open(ctx, l, ask.Options{MemoryMB: f.memory, TempDir: temp})
	if errors.Is(err, ask.ErrNoSQL) {
		return hintf(err, "Build it with cgo and without the tag nosql, or read the lake with another tool: docs/lake.md shows how.")
	}
	if err != nil {
		return explainArchive(err)
	}
	defer session.Close()
	if f.format == "parquet" {
		return explainArchive(session.Export(ctx, args[0], f.output))
	}
	return explainArchive(f.answer(s, func(sink ask.Sink) error { return session.Run(ctx, args[0], sink) }))
}

// answer gives what run finds in the form that was asked for.
func (f *queryFlags) answer(s *streams, run func(ask.Sink) error) (err error) {
	out := s.out
	if f.output != "" {
		file, err := os.OpenFile(f.output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return fmt.Errorf("cannot write the answer: %w", err)
		}
		defer func() {
			if e := file.Close(); err == nil && e != nil {
				err = fmt.Errorf("cannot write %q: %w", f.output, e)
			}
			if err != nil {
				_ = os.Remove(f.output) // half an answer, in a file that was not there before
			}
		}()
		out = file
	}
	w := bufio.NewWriterSize(out, 1<<16)
	var sink ask.Sink
	finish := func() error { return nil }
	switch f.format {
	case "csv":
		sink = &csvSink{w: csv.NewWriter(w)}
		finish = sink.(*csvSink).finish
	case "json":
		sink = &jsonSink{w: w}
	default:
		t := &tableSink{w: w, width: width(out), limit: f.limit}
		sink, finish = t, t.finish
	}
	if err := run(sink); err != nil {
		return err
	}
	if err := finish(); err != nil {
		return err
	}
	return w.Flush()
}

func (f *queryFlags) check(args []string) error {
	var errs []error
	if err := f.archive.fault("no lake: say where it is with --lake DIR"); err != nil {
		errs = append(errs, err)
	}
	if f.archive.store != "" && f.format == "parquet" {
		errs = append(errs, errors.New("--format parquet is for a lake; a store in MongoDB gives table, csv and json"))
	}
	if len(args) != 1 {
		errs = append(errs, errors.New(`one query, in quotes: "SELECT …"`))
	}
	if !slices.Contains([]string{"table", "csv", "json", "parquet"}, f.format) {
		errs = append(errs, fmt.Errorf("--format: there is no format %q; there are table, csv, json and parquet", f.format))
	}
	if f.format == "parquet" && f.output == "" {
		errs = append(errs, errors.New("--format parquet wants an --output"))
	}
	if _, err := os.Lstat(f.output); f.output != "" && err == nil {
		errs = append(errs, fmt.Errorf("--output: %q is there already", f.output))
	}
	if f.memory < 64 || f.limit < 1 {
		errs = append(errs, errors.New("--memory is at least 64, and --limit at least 1"))
	}
	if len(errs) > 0 {
		return usageError{errors.Join(errs...)}
	}
	return nil
}

// cell returns a value as text.
func cell(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case []byte:
		return string(x)
	case time.Time:
		if x.Equal(x.Truncate(24 * time.Hour)) {
			return x.UTC().Format(time.DateOnly)
		}
		return x.UTC().Format("2006-01-02T15:04:05.999999999Z")
	case map[string]any, []any:
		b, err := json.Marshal(jsonValue(x))
		if err != nil {
			return fmt.Sprint(x)
		}
		return string(b)
	}
	return fmt.Sprint(v)
}

// jsonValue returns what stands for a value in JSON: bytes that are no text as base64, what JSON has no number for as text.
func jsonValue(v any) any {
	switch x := v.(type) {
	case []byte:
		if utf8.Valid(x) {
			return string(x)
		}
		return base64.StdEncoding.EncodeToString(x)
	case time.Time:
		return cell(x)
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Sprint(x)
		}
	case map[string]any:
		for k := range x {
			x[k] = jsonValue(x[k])
		}
	case []any:
		for i := range x {
			x[i] = jsonValue(x[i])
		}
	}
	return v
}

// A csvSink writes comma-separated values that no spreadsheet takes for formulae: text that starts like one gets a '.
type csvSink struct {
	w       *csv.Writer
	columns []ask.Column
	row     []string
}

func (c *csvSink) Columns(columns []ask.Column) error {
	c.columns = columns
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = defuse(columns[i].Name)
	}
	c.row = make([]string, len(columns))
	return c.w.Write(names)
}

func (c *csvSink) Row(values []any) error {
	for i, v := range values {
		if c.row[i] = cell(v); !c.columns[i].Number {
			c.row[i] = defuse(c.row[i])
		}
	}
	return c.w.Write(c.row)
}

func (c *csvSink) finish() error {
	c.w.Flush()
	return c.w.Error()
}

// defuse makes sure that a spreadsheet shows text as text.
func defuse(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

// A jsonSink writes one object a line, with the columns in the order of the query.
type jsonSink struct {
	w       *bufio.Writer
	columns []ask.Column
}

func (j *jsonSink) Columns(columns []ask.Column) error {
	j.columns = columns
	return nil
}

func (j *jsonSink) Row(values []any) error {
	for i, v := range values {
		sep := ", "
		if i == 0 {
			sep = "{"
		}
		name, err := json.Marshal(j.columns[i].Name)
		if err != nil {
			return fmt.Errorf("cannot write the answer: %w", err)
		}
		if _, err := fmt.Fprintf(escaper{j.w}, "%s%s: ", sep, name); err != nil {
			return err
		}
		value, err := json.Marshal(jsonValue(v))
		if err != nil {
			return fmt.Errorf("cannot write the answer: %w", err)
		}
		if _, err := (escaper{j.w}).Write(value); err != nil {
			return err
		}
	}
	if len(values) == 0 {
		return nil
	}
	_, err := j.w.WriteString("}\n")
	return err
}

// A tableSink shows the first rows as a table, each in one line.
type tableSink struct {
	w            *bufio.Writer
	width, limit int
	columns      []ask.Column
	rows         [][]string
	more         int
}

// maxCell bounds the columns of a cell on the screen.
const maxCell = 60

func (t *tableSink) Columns(columns []ask.Column) error {
	t.columns = columns
	return nil
}

func (t *tableSink) Row(values []any) error {
	if len(t.rows) == t.limit {
		t.more++
		return nil
	}
	row := make([]string, len(values))
	for i, v := range values {
		row[i] = term.Cut(term.Clean(cell(v)), maxCell)
	}
	t.rows = append(t.rows, row)
	return nil
}

func (t *tableSink) finish() error {
	widths := make([]int, len(t.columns))
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = term.Cut(term.Clean(c.Name), maxCell)
		widths[i] = term.Width(names[i])
		for _, r := range t.rows {
			widths[i] = max(widths[i], term.Width(r[i]))
		}
	}
	line := func(row []string) {
		var b strings.Builder
		for i, text := range row {
			if pad := strings.Repeat(" ", widths[i]-term.Width(text)); t.columns[i].Number {
				text = pad + text
			} else {
				text += pad
			}
			b.WriteString(text + "  ")
		}
		fmt.Fprintln(t.w, strings.TrimRight(b.String(), " "))
	}
	line(names)
	for _, r := range t.rows {
		line(r)
	}
	if t.more > 0 {
		fmt.Fprintf(t.w, "and %s more: --limit shows more, --format csv all\n", plural(t.more, "row"))
	}
	return nil
}
