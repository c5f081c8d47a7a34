package lake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"weir/internal/source"
)

// A log is known by its content, not by its name: it may have been rotated, compressed or copied since it was read. What
// is kept of it are three fingerprints of its uncompressed bytes,
//
//	first   SHA-256 of the first line (of its first 64 KiB)
//	head    SHA-256 of the first head_size bytes: 64 KiB, or all that was read if that is less
//	tail    SHA-256 of the last tail_size bytes before offset, up to 64 KiB
//
// and a log is the one that was read before if its head is the same and so is what stands before offset. It is then read
// on from offset. Two logs that start alike and differ later have different tails; where one is the beginning of the other
// and that is shorter than decisive, only the same path or a rotated name makes them one, for the first lines of two
// servers' logs may well be equal.
//
// A file whose path, size and time are those it had when it was read to its end is not even opened.
//
// A last line without a line end may be half a line. It is read, so that nothing of a finished file is missing, but offset
// stays before it (open_size): when the file has grown, its event is removed again and the line read anew. A file that
// was written less than a minute ago is still being written, and its last line is left for later.
const (
	headBytes = 64 << 10
	tailBytes = 64 << 10
	decisive  = 512
)

// An identity is what a log's content says of which log it is.
type identity struct {
	path       string // absolute; empty for a stream
	storedSize int64
	storedTime int64
	head       []byte // up to headBytes
	first      []byte // fingerprint of the first line
	known      *sourceRow
	complete   bool  // nothing is new
	openFrom   int64 // the open line that is to be removed; 0 if there is none
	tail       []byte
	shorter    bool           // a log of the same name that begins like it was longer when it was read
	others     map[int64]bool // sources that were looked at and are not it
}

func sum(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

func firstLine(head []byte) []byte {
	if i := bytes.IndexByte(head, '\n'); i >= 0 {
		head = head[:i+1]
	}
	return sum(head)
}

// identify finds out which source an input is, and how far it was read.
func (l *Lake) identify(ctx context.Context, in source.Input) (*identity, error) {
	id := &identity{storedSize: -1}
	if in.Size >= 0 && !in.ModTime.IsZero() {
		if strings.Contains(in.Name, "://") {
			id.path = in.Name
		} else if abs, err := filepath.Abs(in.Name); err == nil {
			id.path = abs
		}
		id.storedSize, id.storedTime = in.Size, in.ModTime.UnixNano()
		same, err := sources(ctx, l.db, `id IN (SELECT source FROM files WHERE path = ? AND size = ? AND time = ?)`,
			id.path, id.storedSize, id.storedTime)
		if err != nil {
			return nil, err
		}
		if len(same) > 0 {
			id.known, id.complete = &same[0], true
			return id, nil
		}
	}
	var err error
	if id.head, err = readHead(in); err != nil {
		return nil, err
	}
	id.first = firstLine(id.head)
	alike, err := logsAlike(ctx, l.db, id.first)
	if err != nil {
		return nil, err
	}
	id.others = map[int64]bool{}
	comment := bytes.HasPrefix(id.head, []byte("#")) // the first line of all logs of a kind
	for _, a := range alike {
		id.others[a.id] = true
		id.shorter = id.shorter || a.path == id.path && a.path != "" && a.headSize > int64(len(id.head)) && !comment
	}
	candidates, err := sources(ctx, l.db, `id IN (SELECT value FROM json_each(?))`, alike.beginningsOf(id.head))
	if err != nil {
		return nil, err
	}
	var best *sourceRow
	for i := range candidates {
		c := &candidates[i]
		if best != nil && c.Offset <= best.Offset {
			continue
		}
		state, err := compare(in, c)
		if err != nil {
			return nil, err
		}
		id.shorter = id.shorter || state.short && c.Path == id.path && id.path != ""
		if !state.same || state.grown && c.Offset+c.OpenSize < decisive && !namesake(id.path, c.Path) {
			continue
		}
		best, id.complete, id.openFrom, id.tail = c, !state.grown, 0, state.tail
		if state.grown && c.OpenSize > 0 {
			id.openFrom = c.Line
		}
	}
	id.known = best
	return id, nil
}

// An alike is a log whose first line is that of another: all of Zeek's TSV logs are.
type alike struct {
	id       int64
	path     string
	headSize int64
	headHash []byte
}

type alikes []alike

// logsAlike returns the logs with that first line, those with the shortest heads first.
func logsAlike(ctx context.Context, q querier, first []byte) (out alikes, err error) {
	rows, err := q.QueryContext(ctx, `SELECT id, path, head_size, head_hash FROM sources WHERE first_hash = ? ORDER BY head_size, id`, first)
	if err != nil {
		return nil, fmt.Errorf("cannot list sources: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var a alike
		if err := rows.Scan(&a.id, &a.path, &a.headSize, &a.headHash); err != nil {
			return nil, fmt.Errorf("cannot list sources: %w", err)
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

// beginningsOf returns the ids of those that head begins like, as a list in JSON. It reads head once, however many there are.
func (list alikes) beginningsOf(head []byte) string {
	out := []byte{'['}
	h := sha256.New()
	at := int64(0)
	for _, a := range list {
		if a.headSize > int64(len(head)) {
			break // it was longer already when it was read
		}
		h.Write(head[at:a.headSize])
		if at = a.headSize; !bytes.Equal(h.Sum(nil), a.headHash) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(out, a.id, 10)
	}
	return string(append(out, ']'))
}

// namesake reports whether a path is that of a source, or looks like what rotation makes of it.
func namesake(path, of string) bool {
	return path != "" && of != "" && filepath.Dir(path) == filepath.Dir(of) &&
		(strings.HasPrefix(filepath.Base(path), filepath.Base(of)) || strings.HasPrefix(filepath.Base(of), filepath.Base(path)))
}

func readHead(in source.Input) ([]byte, error) {
	s, err := in.Open()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	head := make([]byte, headBytes)
	n, err := io.ReadFull(s, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("cannot read it: %w", err)
	}
	return head[:n], nil
}

// A comparison says what an input is against a source whose head is the same.
type comparison struct {
	same, grown bool
	short       bool // it ends before the source's offset
	tail        []byte
}

// compare reads what stands before and after the source's offset.
func compare(in source.Input, c *sourceRow) (comparison, error) {
	s, err := in.Open()
	if err != nil {
		return comparison{}, err
	}
	defer s.Close()
	if err := s.Skip(c.Offset - c.TailSize); err != nil {
		return comparison{}, fmt.Errorf("cannot read it: %w", err)
	}
	tail := make([]byte, c.TailSize)
	if _, err := io.ReadFull(s, tail); err != nil {
		err = ignoreEnd(err)
		return comparison{short: err == nil}, err
	}
	if !bytes.Equal(sum(tail), c.TailHash) {
		return comparison{}, nil
	}
	rest := make([]byte, c.OpenSize+1)
	n, err := io.ReadFull(s, rest)
	if err := ignoreEnd(err); err != nil {
		return comparison{}, err
	}
	if int64(n) < c.OpenSize || c.OpenSize > 0 && !bytes.Equal(sum(rest[:c.OpenSize]), c.OpenHash) {
		return comparison{}, nil
	}
	return comparison{same: true, grown: int64(n) > c.OpenSize, tail: tail}, nil
}

func ignoreEnd(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return fmt.Errorf("cannot read it: %w", err)
}

// spool keeps what can be read only once in a temporary file, for it is looked at before it is read.
func spool(in source.Input) (source.Input, func(), error) {
	f, err := os.CreateTemp("", "weir-*")
	if err != nil {
		return in, nil, fmt.Errorf("cannot keep %q while it is read: %w", in.Name, pathError(err))
	}
	_ = os.Remove(f.Name()) // the open file stays usable
	s, err := in.Open()
	if err == nil {
		_, err = io.Copy(f, s)
		_ = s.Close() // it was only read
	}
	if err == nil {
		var kept source.Input
		if kept, err = source.Opened(in.Name, f); err == nil {
			kept.ModTime = in.ModTime // none: it has no path either
			return kept, func() { f.Close() }, nil
		}
	}
	f.Close()
	return in, nil, fmt.Errorf("cannot read log %q: %w", in.Name, err)
}
