//go:build cgo && !nosql

// Command duckdb reads JSON logs and writes them as one Parquet file as DuckDB does it by itself: what the lake is measured against.
//
//	duckdb 'logs/*/*.log' out.parquet
package main

import (
	"database/sql"
	"fmt"
	"os"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the driver
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: duckdb GLOB OUT.parquet")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "duckdb: %v\n", err)
		os.Exit(1)
	}
}

func run(glob, out string) error {
	db, err := sql.Open("duckdb", "?autoload_known_extensions=false&autoinstall_known_extensions=false")
	if err != nil {
		return err
	}
	defer db.Close()
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	_, err = db.Exec("COPY (SELECT * FROM read_json(" + quote(glob) + ", format = 'newline_delimited', union_by_name = true)) TO " + quote(out) +
		" (FORMAT parquet, COMPRESSION zstd)")
	return err
}
