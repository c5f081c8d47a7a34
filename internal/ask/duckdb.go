//go:build cgo && !nosql

package ask

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"weir/internal/lake"
)

// Built tells whether the binary has DuckDB.
const Built = true

// A Session is a lake that is being asked. It sees the segments that there were when it was opened.
type Session struct {
	db   *sql.DB
	conn *sql.Conn
	l    *lake.Lake
}

// Open makes the views. The caller closes the session before the lake.
func Open(ctx context.Context, l *lake.Lake, o Options) (*Session, error) {
	if o.MemoryMB <= 0 {
		o.MemoryMB = 1024
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	q := url.Values{"autoload_known_extensions": {"false"}, "autoinstall_known_extensions": {"false"},
		"memory_limit": {strconv.Itoa(o.MemoryMB) + "MB"}, "threads": {strconv.Itoa(o.Threads)}}
	connector, err := duckdb.NewConnector("?"+q.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("cannot start the query engine: %w", err)
	}
	s := &Session{db: sql.OpenDB(connector), l: l}
	if s.conn, err = s.db.Conn(ctx); err == nil {
		err = s.prepare(ctx, l, o)
	}
	if e := (*duckdb.Error)(nil); errors.As(err, &e) { // the queries were weir's own
		err = s.name(ctx, err)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// blame names the damaged file behind an error of the engine, if there is one: the engine mostly does not. Errors that only a
// query makes are left alone, since to look takes reading the lake.
func (s *Session) blame(ctx context.Context, err error) error {
	var e *duckdb.Error
	if !errors.As(err, &e) || ctx.Err() != nil {
		return err
	}
	switch e.Type {
	case duckdb.ErrorTypeInvalid, duckdb.ErrorTypeInvalidInput, duckdb.ErrorTypeIO, duckdb.ErrorTypeInternal, duckdb.ErrorTypeFatal,
		duckdb.ErrorTypeSerialization, duckdb.ErrorTypeNotImplemented, duckdb.ErrorTypeUnknownType, duckdb.ErrorTypeOutOfMemory:
		return s.name(ctx, err)
	}
	return err
}

// name adds to an error which file of the lake is damaged, if one is.
func (s *Session) name(ctx context.Context, err error) error {
	if damage := s.l.Damaged(ctx); errors.Is(damage, lake.ErrSegment) {
		return fmt.Errorf("%w (%w)", damage, err)
	}
	return err
}

// Close ends the session.
func (s *Session) Close() error {
	if s.conn != nil {
		s.conn.Close()
	}
	return s.db.Close()
}

func (s *Session) exec(ctx context.Context, query string, args ...any) error {
	if _, err := s.conn.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("cannot prepare the query engine: %w", err)
	}
	return nil
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func list(paths []string) string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = literal(p)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func (s *Session) prepare(ctx context.Context, l *lake.Lake, o Options) error {
	if err := duckdb.RegisterScalarUDF(s.conn, "weir_line", lineFunction{}); err != nil {
		return fmt.Errorf("cannot prepare the query engine: %w", err)
	}
	files, err := l.Files(ctx)
	if err != nil {
		return err
	}
	if err := s.views(ctx, files); err != nil {
		return err
	}
	if err := s.tables(ctx, l); err != nil {
		return err
	}
	var dirs []string
	for _, d := range []string{"events", "counts", "malformed", "marked", "models"} {
		abs, err := filepath.Abs(filepath.Join(l.Dir, d))
		if err != nil {
			return err
		}
		dirs = append(dirs, abs+string(filepath.Separator))
	}
	fence := "SET TimeZone = 'UTC'; SET allowed_directories = " + list(dirs) + "; "
	if o.TempDir != "" {
		fence = "SET temp_directory = " + literal(o.TempDir) + "; " + fence
	}
	return s.exec(ctx, fence)
}

// lock closes the fence: from here on nothing but the allowed files can be opened, and no setting changed.
func (s *Session) lock(ctx context.Context) error {
	return s.exec(ctx, "SET enable_external_access = false; SET lock_configuration = true")
}

func (s *Session) views(ctx context.Context, f *lake.Files) error {
	if len(f.Events) == 0 {
		return errors.New("cannot ask the lake: it is empty")
	}
	columns, text := lake.QueryColumns()
	quoted := make([]string, len(text))
	for i, c := range text {
		quoted[i] = c + "::VARCHAR"
	}
	raw := "coalesce(raw, weir_line(layout, raw_template, raw_digits, [" + strings.Join(quoted, ", ") + "], map_values(fields), map_values(ids), blobs)) AS raw"
	err := s.exec(ctx, "CREATE VIEW events AS SELECT "+strings.Join(columns, ", ")+", "+raw+
		", raw_bytes, blobs, day FROM read_parquet("+list(f.Events)+", hive_partitioning = true, hive_types = {'day': DATE})")
	if err != nil {
		return err
	}
	if err := s.exec(ctx, "CREATE VIEW counts AS SELECT field, part, hour, token, n, day FROM read_parquet("+list(f.Counts)+
		", hive_partitioning = true, hive_types = {'day': DATE})"); err != nil {
		return err
	}
	if err := s.classViews(ctx, f); err != nil {
		return err
	}
	if len(f.Malformed) == 0 {
		return s.exec(ctx, "CREATE TABLE malformed (source_id BIGINT, file VARCHAR, line BIGINT, reason VARCHAR, detail VARCHAR, raw BLOB)")
	}
	return s.exec(ctx, "CREATE VIEW malformed AS SELECT source_id, file, line, reason, detail, raw FROM read_parquet("+list(f.Malformed)+")")
}

// classViews makes the views of what marks make of the counts, as of the last training.
func (s *Session) classViews(ctx context.Context, f *lake.Files) error {
	marked := "CREATE TABLE marked (class VARCHAR, field VARCHAR, part BOOLEAN, hour INTEGER, token UBIGINT, n UBIGINT, day DATE)"
	if len(f.Marked) > 0 {
		marked = "CREATE VIEW marked AS SELECT class, field, part, hour, token, n, day FROM read_parquet(" + list(f.Marked) +
			", hive_partitioning = true, hive_types = {'class': VARCHAR, 'day': DATE})"
	}
	model := "CREATE TABLE model (field VARCHAR, part BOOLEAN, token UBIGINT, good DOUBLE, bad DOUBLE, weight DOUBLE)"
	if f.Model != "" {
		one := literal(f.Model)
		model = "CREATE VIEW model AS SELECT field, part, token, good / scale AS good, bad / scale AS bad, weight FROM read_parquet(" + one +
			"), (SELECT decode(value)::DOUBLE AS scale FROM parquet_kv_metadata(" + one + ") WHERE decode(key) = 'weir.scale')"
	}
	for _, q := range []string{marked, model, `CREATE VIEW classes AS SELECT field, part, hour, token, day,
		sum(CASE WHEN class IS NULL THEN n::BIGINT ELSE -n::BIGINT END)::BIGINT AS good,
		sum(CASE WHEN class = 'bad' THEN n ELSE 0 END)::BIGINT AS bad, sum(CASE WHEN class = 'ignore' THEN n ELSE 0 END)::BIGINT AS ignored
		FROM (SELECT field, part, hour, token, day, n, NULL AS class FROM counts
			UNION ALL SELECT field, part, hour, token, day, n, class FROM marked) GROUP BY ALL`} {
		if err := s.exec(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// tables copies what the catalogue holds.
func (s *Session) tables(ctx context.Context, l *lake.Lake) error {
	if err := s.exec(ctx, `CREATE TABLE marks (id VARCHAR, verdict VARCHAR, who VARCHAR, made TIMESTAMP_NS, begins TIMESTAMP_NS, ends TIMESTAMP_NS,
		hosts VARCHAR[], condition VARCHAR, note VARCHAR, taken_back TIMESTAMP_NS, taken_back_by VARCHAR)`); err != nil {
		return err
	}
	marks, err := l.Marks(ctx)
	if err != nil {
		return err
	}
	for _, m := range marks {
		if err := s.exec(ctx, `INSERT INTO marks VALUES (?, ?, ?, make_timestamp_ns(?), make_timestamp_ns(?), make_timestamp_ns(?),
			CAST(CAST(? AS JSON) AS VARCHAR[]), ?, ?, make_timestamp_ns(?), ?)`, m.ID, m.Verdict, m.Who, m.Made, nullable(m.Begins), nullable(m.Ends), m.Hosts, m.Condition,
			m.Note, nullable(m.TakenBack), m.TakenBackBy); err != nil {
			return err
		}
	}
	if err := s.exec(ctx, `CREATE TABLE sources (id BIGINT, name VARCHAR, format VARCHAR, records BIGINT, untimed BIGINT, lines BIGINT,
		malformed BIGINT)`); err != nil {
		return err
	}
	status, err := l.Status(ctx)
	if err != nil {
		return err
	}
	for _, r := range status.Sources {
		if err := s.exec(ctx, `INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?, ?)`, r.ID, strings.ToValidUTF8(r.Name, "\uFFFD"), r.Format, r.Records, r.Untimed,
			r.Lines, r.Malformed); err != nil {
			return err
		}
	}
	return nil
}

func nullable(n sql.NullInt64) any {
	if n.Valid {
		return n.Int64
	}
	return nil
}

// check makes sure that text is one SELECT and nothing else. DuckDB's own parser says so: it writes down the tree of
// SELECTs only.
func (s *Session) check(ctx context.Context, text string) (string, error) {
	var out string
	if err := s.conn.QueryRowContext(ctx, "SELECT json_serialize_sql(?::VARCHAR)::VARCHAR", text).Scan(&out); err != nil {
		return "", fmt.Errorf("cannot read the query: %w", err)
	}
	var tree struct {
		Error      bool              `json:"error"`
		Type       string            `json:"error_type"`
		Message    string            `json:"error_message"`
		Statements []json.RawMessage `json:"statements"`
	}
	if err := json.Unmarshal([]byte(out), &tree); err != nil {
		return "", fmt.Errorf("cannot read the query: %w", err)
	}
	switch {
	case tree.Error && strings.Contains(tree.Message, "Only SELECT"):
		return "", errors.New("cannot run this: only SELECT is allowed")
	case tree.Error:
		return "", fmt.Errorf("cannot read the query: %s", tree.Message)
	case len(tree.Statements) != 1:
		return "", fmt.Errorf("cannot run %d statements: one SELECT at a time", len(tree.Statements))
	}
	return strings.TrimRight(strings.TrimSpace(text), "; \t\r\n"), nil
}

// Run runs one SELECT and gives its answer to sink.
func (s *Session) Run(ctx context.Context, text string, sink Sink) error {
	return s.blame(ctx, s.run(ctx, text, sink))
}

func (s *Session) run(ctx context.Context, text string, sink Sink) error {
	text, err := s.check(ctx, text)
	if err != nil {
		return err
	}
	if err := s.lock(ctx); err != nil {
		return err
	}
	rows, err := s.conn.QueryContext(ctx, text)
	if err != nil {
		return fmt.Errorf("cannot run the query: %w", err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return fmt.Errorf("cannot run the query: %w", err)
	}
	columns := make([]Column, len(types))
	for i, t := range types {
		columns[i] = Column{Name: t.Name(), Number: numeric(t.DatabaseTypeName())}
	}
	if err := sink.Columns(columns); err != nil {
		return err
	}
	values, slots := make([]any, len(types)), make([]any, len(types))
	for i := range values {
		slots[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(slots...); err != nil {
			return fmt.Errorf("cannot read the answer: %w", err)
		}
		for i := range values {
			values[i] = plain(values[i])
		}
		if err := sink.Row(values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("cannot run the query: %w", err)
	}
	return nil
}

func numeric(name string) bool {
	return strings.HasSuffix(name, "INT") || strings.HasSuffix(name, "INTEGER") || name == "DOUBLE" || name == "FLOAT" || strings.HasPrefix(name, "DECIMAL")
}

// plain turns the engine's own types into those that every sink knows.
func plain(v any) any {
	switch x := v.(type) {
	case duckdb.Map:
		out := make(map[string]any, len(x))
		for k, v := range x {
			out[fmt.Sprint(plain(k))] = plain(v)
		}
		return out
	case duckdb.OrderedMap:
		out := map[string]any{}
		for i, k := range x.Keys() {
			out[fmt.Sprint(plain(k))] = plain(x.Values()[i])
		}
		return out
	case map[string]any:
		for k := range x {
			x[k] = plain(x[k])
		}
		return x
	case []any:
		for i := range x {
			x[i] = plain(x[i])
		}
		return x
	case duckdb.Decimal:
		return x.Float64()
	case duckdb.UUID:
		return x.String()
	case duckdb.Interval:
		return fmt.Sprintf("%d months %d days %d µs", x.Months, x.Days, x.Micros)
	}
	return v
}

// Export writes the answer of one SELECT into a new Parquet file.
func (s *Session) Export(ctx context.Context, text, file string) error {
	text, err := s.check(ctx, text)
	if err != nil {
		return err
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	if err := s.exec(ctx, "SET allowed_paths = "+list([]string{abs})); err != nil {
		return err
	}
	if err := s.lock(ctx); err != nil {
		return err
	}
	// text is one SELECT, so it cannot end the parenthesis; a comment at its end does not reach the next line.
	if _, err := s.conn.ExecContext(ctx, "COPY ("+text+"\n) TO "+literal(abs)+" (FORMAT parquet, COMPRESSION zstd)"); err != nil {
		_ = os.Remove(abs) // of a file that was not there before; half of it is of no use
		return s.blame(ctx, fmt.Errorf("cannot write %q: %w", file, err))
	}
	return nil
}

// lineFunction is weir_line(layout, template, digits, columns, map values, ids, binary): a line put together again.
type lineFunction struct{}

func (lineFunction) Config() duckdb.ScalarFuncConfig {
	text := mustType(duckdb.NewTypeInfo(duckdb.TYPE_VARCHAR))
	texts := mustType(duckdb.NewListInfo(text))
	blobs := mustType(duckdb.NewListInfo(mustType(duckdb.NewTypeInfo(duckdb.TYPE_BLOB))))
	return duckdb.ScalarFuncConfig{InputTypeInfos: []duckdb.TypeInfo{text, text, text, texts, texts, texts, blobs}, ResultTypeInfo: text,
		SpecialNullHandling: true}
}

func mustType(t duckdb.TypeInfo, err error) duckdb.TypeInfo {
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return t
}

func (lineFunction) Executor() duckdb.ScalarFuncExecutor {
	return duckdb.ScalarFuncExecutor{RowExecutor: func(v []driver.Value) (any, error) {
		layout, _ := v[0].(string)
		template, ok := v[1].(string)
		if !ok {
			return nil, nil
		}
		digits, _ := v[2].(string)
		columns, _ := v[3].([]any)
		mapped, _ := v[4].([]any)
		ids, _ := v[5].([]any)
		binary, _ := v[6].([]any)
		line, err := lake.JoinLine(layout, template, digits, columns, mapped, ids, binary)
		if err != nil {
			return nil, err
		}
		return line, nil
	}}
}
