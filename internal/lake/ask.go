package lake

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"

	"weir/internal/event"
)

// Files are the absolute paths of what is in the lake now, by kind.
type Files struct{ Events, Counts, Malformed []string }

// Files lists the files of all segments: what a tool that reads the lake from outside should open.
func (l *Lake) Files(ctx context.Context) (*Files, error) {
	list, err := segments(ctx, l.db, `true`)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(l.Dir)
	if err != nil {
		return nil, err
	}
	f := &Files{}
	for _, s := range list {
		full := filepath.Join(dir, filepath.FromSlash(s.Path))
		if s.Kind == kindMalformed {
			f.Malformed = append(f.Malformed, full)
			continue
		}
		f.Events = append(f.Events, full)
		f.Counts = append(f.Counts, filepath.Join(dir, filepath.FromSlash(s.CountsPath)))
	}
	return f, nil
}

// QueryColumns returns the columns of a segment that mean something to a reader, and of these the ones that hold fields, in
// the order that JoinLine takes their values.
func QueryColumns() (all, fields []string) {
	for _, c := range columns {
		fields = append(fields, c.name)
	}
	all = append([]string{"time", "dataset"}, fields...)
	return append(all, "fields", "file", "line", "source_id"), fields
}

// JoinLine puts a line together again that is kept in pieces, from the values of its row: those of all columns that hold
// fields, as text, in the order of QueryColumns (nil where null), of the map, and of binary.
func JoinLine(layoutText, template, digits string, inColumns, inTheMap, inTheList []any) (string, error) {
	l, ok := parseLayout(layoutText)
	if !ok {
		return "", fmt.Errorf("the layout %.80q cannot be read", layoutText)
	}
	var fields []event.Field
	for _, f := range l.fields {
		var v any
		switch {
		case f.place == inColumn && f.column < len(inColumns):
			v = inColumns[f.column]
		case f.place == inMap && len(inTheMap) > 0:
			v, inTheMap = inTheMap[0], inTheMap[1:]
		case f.place == inBinary && len(inTheList) > 0:
			v, inTheList = inTheList[0], inTheList[1:]
		}
		switch v := v.(type) {
		case string:
			fields = append(fields, event.Field{Value: []byte(v)})
		case []byte:
			fields = append(fields, event.Field{Value: v})
		default:
			return "", fmt.Errorf("the layout names %q, which has no value", f.name)
		}
	}
	line, ok := appendJoined(nil, fields, []byte(template), []byte(digits))
	if !ok {
		return "", fmt.Errorf("the pieces of a line do not fit its values")
	}
	return string(line), nil
}

// A Mark is a row of marks: what somebody said of a stretch of time.
type Mark struct {
	ID                 int64
	Verdict            string // good, bad or ignore
	Who                string
	Made, Begins, Ends int64  // nanoseconds since 1970; Begins and Ends are included
	Hosts              string // a JSON list of names and addresses
	Condition, Note    string
	TakenBack          sql.NullInt64
}

// Marks returns all marks, those that were taken back too, in the order in which they were made.
func (l *Lake) Marks(ctx context.Context) ([]Mark, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT id, verdict, who, made, begins, ends, hosts, condition, note, taken_back FROM marks ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("cannot list marks: %w", err)
	}
	defer rows.Close()
	var out []Mark
	for rows.Next() {
		var m Mark
		if err := rows.Scan(&m.ID, &m.Verdict, &m.Who, &m.Made, &m.Begins, &m.Ends, &m.Hosts, &m.Condition, &m.Note, &m.TakenBack); err != nil {
			return nil, fmt.Errorf("cannot list marks: %w", err)
		}
		out = append(out, m)
	}
	return out, rows.Err()
}
