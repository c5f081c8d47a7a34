package main

import (
	"context"
	"fmt"

	"weir/internal/ask"
	"weir/internal/lake"
	"weir/internal/mongo"
)

// pipeline asks a store in MongoDB. Documents need not have the same fields: as JSON each has its own; a table has the columns
// of all that are fetched.
func (f *queryFlags) pipeline(ctx context.Context, s *streams, text string, sink ask.Sink) error {
	m, err := mongo.Open(ctx, f.archive.store, lake.Settings{}, false)
	if err != nil {
		return explainArchive(err)
	}
	defer m.Close()
	t := &documents{sink: sink, at: map[string]int{}, asJSON: f.format == "json"}
	more, err := m.Query(ctx, f.collection, text, f.limit, t.add)
	if err != nil {
		return explainArchive(err)
	}
	if err := t.finish(); err != nil {
		return err
	}
	if more {
		fmt.Fprintf(s.err, "weir: there are more than %s: --limit fetches more\n", plural(f.limit, "document"))
	}
	return nil
}

// documents make rows of documents.
type documents struct {
	sink    ask.Sink
	asJSON  bool
	columns []ask.Column
	at      map[string]int
	rows    []map[int]any
}

func (t *documents) add(names []string, values []any) error {
	if t.asJSON {
		columns := make([]ask.Column, len(names))
		for i, n := range names {
			columns[i].Name = n
		}
		if err := t.sink.Columns(columns); err != nil {
			return err
		}
		return t.sink.Row(values)
	}
	row := map[int]any{}
	for i, n := range names {
		c, ok := t.at[n]
		if !ok {
			c = len(t.columns)
			t.at[n] = c
			t.columns = append(t.columns, ask.Column{Name: n, Number: true})
		}
		switch values[i].(type) {
		case int64, float64, nil:
		default:
			t.columns[c].Number = false
		}
		row[c] = values[i]
	}
	t.rows = append(t.rows, row)
	return nil
}

func (t *documents) finish() error {
	if t.asJSON {
		return nil
	}
	if err := t.sink.Columns(t.columns); err != nil {
		return err
	}
	values := make([]any, len(t.columns))
	for _, row := range t.rows {
		for i := range values {
			values[i] = row[i]
		}
		if err := t.sink.Row(values); err != nil {
			return err
		}
	}
	return nil
}
