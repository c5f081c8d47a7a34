package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"weir/internal/engine"
	"weir/internal/event"
	"weir/internal/hdfs"
	"weir/internal/lake"
	"weir/internal/mapreduce"
)

// errNoSegments says that a lake has no events that tasks could read.
var errNoSegments = errors.New("there are no events in the lake")

// addLake makes a plan one of the lake's segments, by the names that the engine's tasks know. The error is errNoSegments where there is
// nothing to read.
func addLake(ctx context.Context, s *streams, p *mapreduce.Plan, a lake.Store) error {
	l, ok := a.(*lake.Lake)
	if !ok {
		return usagef("tasks can read logs and lakes, not what is in MongoDB: leave out 'job --on %s', or name logs", s.job.flags.on)
	}
	list, err := l.List(ctx)
	if err != nil {
		return explainArchive(err)
	}
	if len(list.Segments) == 0 {
		return errNoSegments
	}
	where, check, err := segmentsAt(s, l)
	if err != nil {
		return err
	}
	inputs := make([]mapreduce.Input, len(list.Sources))
	for i, x := range list.Sources {
		inputs[i] = mapreduce.Input{Name: x.Name, Source: x.ID}
	}
	segments := make([]mapreduce.Segment, len(list.Segments))
	for i := range list.Segments {
		x := &list.Segments[i]
		if err := check(x); err != nil {
			return err
		}
		segments[i] = mapreduce.Segment{Path: where(x.Path), Size: x.Size, Rows: x.Rows}
	}
	return p.AddArchive(inputs, segments, list.Summary)
}

// segmentsAt returns where tasks find files of a lake, and what makes sure, as far as this machine sees it, that they are there.
func segmentsAt(s *streams, l *lake.Lake) (where func(name string) string, check func(*lake.Segment) error, err error) {
	dir := s.job.flags.segments
	switch {
	case dir == "":
		if why := s.job.engine.Reads(l.Dir); why != "" {
			return nil, nil, hintf(fmt.Errorf("the lake %q: %w: its files are on this machine", l.Dir, engine.ErrInput),
				"Put them into HDFS (hadoop fs -put %s/events hdfs:///lake/) and say --segments hdfs:///lake.", clean(l.Dir))
		}
		return func(name string) string { return s.job.engine.Where(filepath.Join(l.Dir, filepath.FromSlash(name))) },
			func(x *lake.Segment) error { return explainArchive(l.Sized(x)) }, nil
	case !hdfs.IsURL(dir):
		if strings.Contains(dir, "://") {
			return nil, nil, usagef("--segments %q: it has to be in HDFS, or a directory that all machines see", dir)
		}
		var err error
		if dir, err = filepath.Abs(dir); err != nil {
			return nil, nil, fmt.Errorf("cannot find the directory %q: %w", dir, err)
		}
		return func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }, // tasks see whether it is there
			func(*lake.Segment) error { return nil }, nil
	}
	system, base, err := s.hdfs.System(dir)
	if err == nil {
		dir, err = s.hdfs.Full(dir)
	}
	if err != nil {
		return nil, nil, explainHDFS(err)
	}
	where = func(name string) string { return strings.TrimSuffix(dir, "/") + "/" + name }
	return where, func(x *lake.Segment) error {
		size := int64(-1)
		info, err := system.Stat(path.Join(base, x.Path))
		if err == nil {
			size = info.Size()
		}
		if err = x.CheckSize(where(x.Path), size, err); errors.Is(err, lake.ErrSegment) {
			return hintf(fmt.Errorf("the lake %q is not wholly in %s: %w", l.Dir, dir, err),
				"Copy what is missing there, or other: hadoop fs -put -f %s %s", clean(filepath.Join(l.Dir, x.Path)), clean(where(path.Dir(x.Path))+"/"))
		}
		return explainHDFS(err)
	}, nil
}

// segments makes a goroutine's reader of segments for a task.
func (s *streams) segments(keys *event.Keys) mapreduce.SegmentReader {
	r := lake.NewFileReader(keys)
	return func(x *mapreduce.Segment, take func(e *event.Event, source, line int64, raw []byte) error) error {
		segment := &lake.Segment{Size: x.Size, Rows: x.Rows}
		f, err := s.openPath(x.Path)
		if err != nil {
			return segment.CheckSize(x.Path, -1, errorOf(err))
		}
		defer f.Close()
		if file, ok := f.(*os.File); ok {
			info, err := file.Stat()
			if err != nil {
				return segment.CheckSize(x.Path, -1, errorOf(err))
			}
			return r.Read(segment, x.Path, file, info.Size(), take)
		}
		// Columns are read here and there, which over a network is a connection each time; from first to last it is one.
		copied, err := tempSpool()
		if err != nil {
			return fmt.Errorf("cannot make a temporary file: %w", err)
		}
		defer copied.Close()
		n, err := io.Copy(copied, io.LimitReader(f, x.Size+1))
		if err != nil {
			return fmt.Errorf("cannot read %q: %w", x.Path, err)
		}
		return r.Read(segment, x.Path, copied, n, take)
	}
}

// errorOf returns what went wrong without the path, which others name.
func errorOf(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
