package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"weir/internal/event"
	"weir/internal/format"
)

// A lake can be read by processes that do not see its catalogue, of other machines: whoever does see it lists what there is to
// read ([Lake.List]), and they read segments by what the list says ([FileReader]).

// A Listing is what has to be known of a lake to read its events elsewhere.
type Listing struct {
	Sources  []Source        // the logs, in the order of [Lake.Inputs]
	Segments []Segment       // of events
	Summary  *format.Summary // as a scan gives it
}

// A Source is a log that the lake was made of, by name and by the number that segments have for it.
type Source struct {
	ID   int64
	Name string
}

// List lists what there is to read.
func (l *Lake) List(ctx context.Context) (*Listing, error) {
	out := &Listing{}
	var err error
	if out.Segments, err = l.Segments(ctx); err != nil { // before the sources: who ingests meanwhile adds to both
		return nil, err
	}
	known, err := sources(ctx, l.db, `true`)
	if err != nil {
		return nil, err
	}
	for i := range known {
		out.Sources = append(out.Sources, Source{ID: known[i].ID, Name: known[i].Name})
	}
	out.Summary, err = l.summary(ctx, known)
	return out, err
}

// Sized makes sure that the file of a segment is there, and as large as it was written.
func (l *Lake) Sized(s *Segment) error { return l.sized(s.Path, s.Size) }

// CheckSize is Sized for a copy of the file elsewhere, by its name there: it has so many bytes, or there is the error err.
func (s *Segment) CheckSize(name string, size int64, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return gone(name)
	case err != nil:
		return fmt.Errorf("cannot read %q: %w", name, err)
	case size != s.Size:
		return wrongSize(name, size, s.Size)
	}
	return nil
}

// A FileReader reads segments wherever they are, one after another, for one goroutine.
type FileReader struct{ r *segmentReader }

// NewFileReader returns a reader whose events have keys.
func NewFileReader(keys *event.Keys) *FileReader { return &FileReader{newSegmentReader(keys)} }

// Read calls take with each event of a segment: what it is, the number of its log (Source.ID), its line there, the line itself, nil
// if it was not kept. All of it is valid during the call only; an error of take ends reading. name is for errors, from holds size
// bytes, and s says how many bytes and events it should hold.
func (r *FileReader) Read(s *Segment, name string, from io.ReaderAt, size int64, take func(e *event.Event, source, line int64, raw []byte) error) error {
	if err := s.CheckSize(name, size, nil); err != nil {
		return err
	}
	p, err := openFooter(from, size)
	if err != nil {
		return damaged(name, err)
	}
	n := int64(0)
	if err := r.r.readOpen(name, p, true, nil, func(e *stored) error {
		n++
		return take(e.Event, e.source, e.line, e.raw)
	}); err != nil {
		return err
	}
	if n != s.Rows {
		return wrongRows(name, n, s.Rows)
	}
	return nil
}
