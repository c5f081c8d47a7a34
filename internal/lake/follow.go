package lake

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"weir/internal/source"
)

// Follow ingests what look finds, again and again: every time a file has changed, until ctx ends. Between looks it keeps
// the files open that it has read: when one is renamed and a new one takes its place, what the old one got last is read
// before the new one. report is called after each ingest and may end following with an error.
//
// It looks instead of waiting to be told: that works on every file system, over networks too, and costs a stat per file.
// A log that is emptied in place (copytruncate) loses what was written between the last look and the emptying.
func (l *Lake) Follow(ctx context.Context, look func() ([]source.Input, error), o IngestOptions, every time.Duration,
	report func(*Report) error) error {
	return FollowInto(ctx, l.Ingest, look, o, every, report)
}

// FollowInto is Follow for any store, by what ingests into it.
func FollowInto(ctx context.Context, ingest func(context.Context, []source.Input, IngestOptions) (*Report, error),
	look func() ([]source.Input, error), o IngestOptions, every time.Duration, report func(*Report) error) error {
	f := follower{open: map[string]*os.File{}, seen: map[string]fileState{}}
	defer f.close()
	o.Growing = true
	for {
		inputs, err := look()
		if err != nil && !errors.Is(err, fs.ErrNotExist) && len(f.seen) == 0 {
			return err // later, a log may be missing for a moment while it is rotated
		}
		if changed := f.changed(inputs); len(changed) > 0 {
			r, err := ingest(ctx, changed, o)
			f.closeGone()
			if err != nil {
				return err
			}
			for i := range r.Files {
				if r.Files[i].Err != "" { // it was away for a moment, perhaps: look again
					delete(f.seen, r.Files[i].Name)
				}
			}
			r.Stopped = false
			if err := report(r); err != nil && ctx.Err() == nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}

// A follower knows the files that are followed, by name.
type follower struct {
	open map[string]*os.File
	seen map[string]fileState
	gone []*os.File // replaced by others; closed when they are read
}

type fileState struct {
	size int64
	time time.Time
}

// maxFollowed bounds the files that are kept open.
const maxFollowed = 512

// changed returns what is to be read: files that are new or have changed, each after what was left of the one before it.
func (f *follower) changed(inputs []source.Input) []source.Input {
	var out []source.Input
	for _, in := range inputs {
		if in.Once() {
			continue // a pipe cannot be followed by looking
		}
		if old := f.open[in.Name]; old != nil && replaced(old, in.Name) {
			if rest, err := source.Opened(in.Name, old); err == nil && f.seen[in.Name] != (fileState{rest.Size, rest.ModTime}) {
				out = append(out, rest)
			}
			f.gone = append(f.gone, old)
			delete(f.open, in.Name)
			delete(f.seen, in.Name)
		}
		state := fileState{in.Size, in.ModTime}
		if f.seen[in.Name] == state {
			continue
		}
		f.seen[in.Name] = state
		file := f.open[in.Name]
		if file == nil && len(f.open) < maxFollowed {
			var err error
			if file, err = os.Open(in.Name); err == nil {
				f.open[in.Name] = file
			}
		}
		out = append(out, in)
	}
	return out
}

// replaced reports whether a name leads to another file by now.
func replaced(old *os.File, name string) bool {
	was, err := old.Stat()
	if err != nil {
		return true
	}
	is, err := os.Stat(name)
	return err == nil && !os.SameFile(was, is)
}

func (f *follower) closeGone() {
	for _, file := range f.gone {
		file.Close()
	}
	f.gone = f.gone[:0]
}

func (f *follower) close() {
	f.closeGone()
	for _, file := range f.open {
		file.Close()
	}
}
