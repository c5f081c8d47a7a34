package lake

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"weir/internal/event"
)

// Files are the absolute paths of what is in the lake now, by kind.
type Files struct {
	Events, Counts, Malformed []string
	Marked                    []string // counts of what marks call bad, and of what they leave out
	Model                     string   // of the last training; empty if there is none
}

// Files lists the files of all segments: what a tool that reads the lake from outside should open. They are there, and of the
// size that they were written with; if not, that is an error (ErrSegment).
func (l *Lake) Files(ctx context.Context) (f *Files, err error) {
	for range 10 {
		if f, err = l.files(ctx); !errors.Is(err, ErrGone) { // somebody has replaced one meanwhile
			break
		}
	}
	return f, err
}

func (l *Lake) files(ctx context.Context) (*Files, error) {
	if err := l.eachFile(ctx, func(name string, size int64, _ []byte) error { return l.sized(name, size) }); err != nil {
		return nil, err
	}
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
	shares, err := shareFiles(ctx, l.db, list)
	if err != nil {
		return nil, err
	}
	for _, s := range shares {
		f.Marked = append(f.Marked, filepath.Join(dir, filepath.FromSlash(s.Name)))
	}
	m, err := l.LastModel(ctx)
	if err == nil && m != nil && m.Name != "" {
		f.Model = filepath.Join(dir, filepath.FromSlash(m.Name))
	}
	return f, err
}

// QueryColumns returns the columns of a segment that mean something to a reader, and of these the ones that hold fields, in
// the order that JoinLine takes their values.
func QueryColumns() (all, fields []string) {
	for _, c := range columns {
		fields = append(fields, c.name)
	}
	all = append([]string{"time", "dataset"}, fields...)
	return append(all, "fields", "ids", "file", "line", "source_id"), fields
}

// JoinLine puts a line together again that is kept in pieces, from the values of its row: those of all columns that hold
// fields, as text, in the order of QueryColumns (nil where null), of the two maps, and of binary.
func JoinLine(layoutText, template, digits string, inColumns, inTheMap, ids, inTheList []any) (string, error) {
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
		case f.place == inIDs && len(ids) > 0:
			v, ids = ids[0], ids[1:]
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
