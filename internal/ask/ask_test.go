//go:build cgo && !nosql

package ask

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duckdb/duckdb-go/v2"

	"weir/internal/lake"
	"weir/internal/source"
)

// answer collects rows as text.
type answer struct{ rows [][]any }

func (*answer) Columns([]Column) error { return nil }

func (a *answer) Row(values []any) error {
	a.rows = append(a.rows, append([]any(nil), values...))
	return nil
}

const records = `{"ts":1331914651.55,"uid":"C1","id.orig_h":"192.0.2.7","id.orig_p":1,"answers":["a","b","c"],"query":"x.example"}
{"ts":1331914652.5,"uid":"C2","id.orig_h":"192.0.2.8","id.orig_p":"007","a[2]":"index","method":""}
{"uid":"C3","id.orig_h":"192.0.2.9","id.orig_p":3}
`

func makeLake(t *testing.T) *lake.Lake {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "some.log")
	if err := os.WriteFile(path, []byte(records), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := lake.Create(t.Context(), filepath.Join(dir, "it's a lake"), lake.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	in, err := source.File(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Ingest(t.Context(), []source.Input{in}, lake.IngestOptions{}); err != nil {
		t.Fatal(err)
	}
	return l
}

func run(t *testing.T, l *lake.Lake, text string) ([][]any, error) {
	t.Helper()
	s, err := Open(t.Context(), l, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var a answer
	err = s.Run(context.Background(), text, &a)
	return a.rows, err
}

// Lines come back as they were, whatever they are made of.
func TestLines(t *testing.T) {
	rows, err := run(t, makeLake(t), "SELECT raw FROM events ORDER BY line")
	if err != nil || len(rows) != 3 {
		t.Fatalf("%v, %v", rows, err)
	}
	for i, want := range strings.Split(strings.TrimSpace(records), "\n") {
		if rows[i][0] != want {
			t.Errorf("line %d is %v, want %s", i+1, rows[i][0], want)
		}
	}
}

// What is no single SELECT, or leads out of the lake, is refused.
func TestFence(t *testing.T) {
	l := makeLake(t)
	secret := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(l.Dir, "events", "link.txt")); err != nil {
		t.Fatal(err)
	}
	quoted := literal(secret)
	for _, text := range []string{
		"", "SELECT", "SELECT 1; SELECT 2", "DROP VIEW events", "INSERT INTO marks SELECT 1", "CREATE TABLE x AS SELECT 1",
		"COPY (SELECT 1) TO " + literal(filepath.Join(l.Dir, "events", "x.csv")), "ATTACH ':memory:' AS x", "PRAGMA version", "SET threads = 1",
		"INSTALL httpfs", "LOAD httpfs", "EXPORT DATABASE 'x'", "FROM read_text(" + quoted + ")", "FROM glob('/etc/*')",
		"FROM read_text(" + literal(filepath.Join(l.Dir, "events", "..", "lake.db")) + ")",
		"FROM read_text(" + literal(filepath.Join(l.Dir, "events", "link.txt")) + ")",
		"FROM query('COPY (SELECT 1) TO ''x.csv''')", "FROM 'https://example.org/x.parquet'", "FROM " + quoted,
		"SELECT 1) TO 'x.csv'; COPY (SELECT 1", "SELECT 1 /*", "EXPLAIN ANALYZE SELECT 1; DROP VIEW events",
	} {
		if rows, err := run(t, l, text); err == nil {
			t.Errorf("%s gives %v", text, rows)
		}
	}
	for _, text := range []string{"SELECT 1;", "WITH a AS (SELECT 1) SELECT * FROM a", "FROM events", "SELECT 1 UNION SELECT 2 -- and no more"} {
		if _, err := run(t, l, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Any other DuckDB reads the files by their path, with the partition as a column.
func TestFromOutside(t *testing.T) {
	l := makeLake(t)
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	var n, days int
	var uid string
	glob := literal(filepath.Join(l.Dir, "events", "*", "*.parquet"))
	if err := db.QueryRow(`SELECT count(*), count(DISTINCT day), max(ids['zeek.uid']) FROM read_parquet(`+glob+`)`).Scan(&n, &days, &uid); err != nil ||
		n != 3 || days != 1 || uid != "C3" {
		t.Errorf("%d events of %d days, last %s, %v", n, days, uid, err)
	}
}
