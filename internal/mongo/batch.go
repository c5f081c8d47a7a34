package mongo

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"weir/internal/event"
	"weir/internal/lake"
	"weir/internal/source"
)

// A sourceDoc is a log. It never changes but for its format.
type sourceDoc struct {
	ID        string `bson:"_id"`
	Name      string `bson:"name"`
	Path      string `bson:"path"` // where it was first read
	Format    string `bson:"format"`
	FirstHash []byte `bson:"first_hash"` // of its first line
	HeadSize  int64  `bson:"head_size"`  // of its beginning as it was then, up to 64 KiB
	HeadHash  []byte `bson:"head_hash"`
}

// stats are what a stretch of a log holds.
type stats struct {
	Records   int64            `bson:"records"`
	Untimed   int64            `bson:"untimed"`
	Malformed int64            `bson:"malformed"`
	First     int64            `bson:"first"` // times, if Records > Untimed
	Last      int64            `bson:"last"`
	Datasets  map[string]int64 `bson:"-"`
	Faults    map[string]int64 `bson:"-"`
	Sum       int64            `bson:"sum"` // of the digests of its events, modulo 2^64
	future    int64
}

// A digest is a hash of all that a record says, whatever order a server keeps the parts of its document in.
type digest struct{ buffer []byte }

func (d *digest) of(e *event.Event, line int64, raw []byte) int64 {
	b := binary.AppendVarint(d.buffer[:0], line)
	if e.HasTime {
		b = binary.AppendVarint(append(b, 1), e.Time)
	}
	put := func(v []byte) { b = append(binary.AppendUvarint(b, uint64(len(v))), v...) }
	put([]byte(e.Dataset))
	for i := range e.Fields {
		put([]byte(e.Fields[i].Key.Name))
		put(e.Fields[i].Value)
	}
	put(raw)
	d.buffer = b
	return int64(xxh3.Hash(b))
}

func newStats() stats {
	return stats{First: 1<<63 - 1, Last: -1 << 63, Datasets: map[string]int64{}, Faults: map[string]int64{}}
}

func (s *stats) add(e *event.Event, limit int64) {
	s.Records++
	s.Datasets[e.Dataset]++
	if !e.HasTime {
		s.Untimed++
		return
	}
	s.First, s.Last = min(s.First, e.Time), max(s.Last, e.Time)
	if e.Time > limit {
		s.future++
	}
}

func (s *stats) merge(o *stats) {
	s.Records += o.Records
	s.Untimed += o.Untimed
	s.Malformed += o.Malformed
	s.First, s.Last = min(s.First, o.First), max(s.Last, o.Last)
	s.Sum += o.Sum
	s.future += o.future
	for k, n := range o.Datasets {
		s.Datasets[k] += n
	}
	for k, n := range o.Faults {
		s.Faults[k] += n
	}
}

// A named is a number with a name: names may hold what keys of documents may not.
type named struct {
	Name  any   `bson:"name"` // a string, or bytes
	Count int64 `bson:"n"`
}

func toNamed(m map[string]int64) []named {
	out := []named{}
	for _, k := range sortedKeys(m) {
		out = append(out, named{textOrBytes([]byte(k)), m[k]})
	}
	return out
}

func fromNamed(list []named) map[string]int64 {
	m := map[string]int64{}
	for _, n := range list {
		switch k := n.Name.(type) {
		case string:
			m[k] += n.Count
		case bson.Binary:
			m[string(k.Data)] += n.Count
		}
	}
	return m
}

// A batchDoc is a stretch of a log that was read. Its insertion is the commit.
type batchDoc struct {
	ID       string `bson:"_id"` // source:from, and ~n behind n void ones
	Source   string `bson:"source"`
	From     int64  `bson:"from"`   // its first line
	To       int64  `bson:"to"`     // the line after its last; for an open line, From
	Offset   int64  `bson:"offset"` // uncompressed bytes up to To
	TailSize int64  `bson:"tail_size"`
	TailHash []byte `bson:"tail_hash"`
	OpenSize int64  `bson:"open_size"` // of a last line without an end, at To, which then is all there is in the batch
	OpenHash []byte `bson:"open_hash"`
	Path     string `bson:"path"`
	Lines    int64  `bson:"lines"`
	Raw      bool   `bson:"raw"`
	Counts   string `bson:"counts"` // new whenever its events change: starts the names of its documents in counts
	Made     int64  `bson:"made"`   // nanoseconds since 1970
	Removed  int64  `bson:"removed"`
	Stale    bool   `bson:"stale"` // events are being removed from it; its counts are to be made again
	Void     bool   `bson:"void"`  // there is nothing in it: it keeps attempts before it from being committed (sweep.go)

	Days     []dayDoc `bson:"days"`
	Stats    stats    `bson:"stats"`
	Datasets []named  `bson:"datasets"`
	Faults   []named  `bson:"faults"`
}

// A dayDoc is the events of one day in a batch: what training calls a stretch (lake.Stretch).
type dayDoc struct {
	Day   string `bson:"day"`
	Rows  int64  `bson:"rows"`
	Timed bool   `bson:"timed"`
	First int64  `bson:"first"`
	Last  int64  `bson:"last"`
	Cells int64  `bson:"cells"` // how many counts there are
}

// countsOf is the name of the counts of the i-th day.
func (b *batchDoc) countsOf(i int) string { return fmt.Sprintf("%s.%d", b.Counts, i) }

// countNames are those of all days.
func (b *batchDoc) countNames() []string {
	out := make([]string, len(b.Days))
	for i := range out {
		out[i] = b.countsOf(i)
	}
	return out
}

// covers reports whether a line is in the batch.
func (b *batchDoc) covers(line int64) bool {
	return line >= b.From && line < b.To || b.OpenSize > 0 && line == b.From
}

// A log is a source with its batches, in order.
type log struct {
	sourceDoc
	batches []batchDoc
	voids   int // that start where the next batch does
}

// next is the _id of the batch that comes next, which starts at a line.
func (g *log) next(from int64) string { return batchID(g.ID, from, g.voids) }

func batchID(source string, from int64, voids int) string {
	if voids == 0 {
		return eventID(source, from)
	}
	return fmt.Sprintf("%s~%06d", eventID(source, from), voids)
}

// read reports whether anything was read of it.
func (g *log) read() bool { return len(g.batches) > 0 }

// at is how far it was read.
func (g *log) at() lake.Known {
	if !g.read() {
		return lake.Known{Line: 1, TailHash: lake.Sum(nil)}
	}
	b := &g.batches[len(g.batches)-1]
	return lake.Known{Line: b.To, Offset: b.Offset, TailSize: b.TailSize, TailHash: b.TailHash, OpenSize: b.OpenSize, OpenHash: b.OpenHash}
}

func (g *log) path() string {
	if !g.read() {
		return g.Path
	}
	return g.batches[len(g.batches)-1].Path
}

// batchOf returns the batch that holds a line; nil if the line was not committed.
func (g *log) batchOf(line int64) *batchDoc {
	i, found := slices.BinarySearchFunc(g.batches, line, func(b batchDoc, line int64) int {
		switch {
		case b.covers(line):
			return 0
		case b.From > line:
			return 1
		}
		return -1
	})
	if !found {
		return nil
	}
	return &g.batches[i]
}

// logs returns the sources that a filter names with their batches, in the order of their ids.
func (s *Store) logs(ctx context.Context, filter bson.D) ([]log, error) {
	sources, err := all[sourceDoc](ctx, s, "sources", filter)
	if err != nil {
		return nil, err
	}
	which := bson.D{}
	if len(filter) > 0 {
		ids := bson.A{}
		for i := range sources {
			ids = append(ids, sources[i].ID)
		}
		which = bson.D{{Key: "source", Value: bson.D{{Key: "$in", Value: ids}}}}
	}
	out := make([]log, len(sources))
	index := map[string]int{}
	for i := range sources {
		out[i].sourceDoc = sources[i]
		index[sources[i].ID] = i
	}
	if len(out) == 0 {
		return nil, nil
	}
	batches, err := all[batchDoc](ctx, s, "batches", which)
	if err != nil {
		return nil, err
	}
	for _, b := range batches {
		b.Stats.Datasets, b.Stats.Faults = fromNamed(b.Datasets), fromNamed(b.Faults)
		i, ok := index[b.Source]
		switch {
		case ok && b.Void:
			out[i].voids++
		case ok:
			out[i].batches = append(out[i].batches, b)
			if b.OpenSize == 0 { // what comes in the place of an open line has its _id
				out[i].voids = 0
			}
		}
	}
	return out, nil
}

// fileDoc is a file that was read to its end.
type fileDoc struct {
	Path   string `bson:"_id"`
	Size   int64  `bson:"size"`
	Time   int64  `bson:"time"`
	Source string `bson:"source"`
}

// identify finds out which log an input is, by the rules of lake/identify.go, and claims a new one.
func (s *Store) identify(ctx context.Context, in source.Input, p *progress) error {
	if p.path != "" {
		seen, err := all[fileDoc](ctx, s, "files", bson.D{{Key: "_id", Value: fileKey(p.path)}})
		if err != nil {
			return err
		}
		if len(seen) > 0 && seen[0].Size == p.size && seen[0].Time == p.modified {
			list, err := s.logs(ctx, bson.D{{Key: "_id", Value: seen[0].Source}})
			if err != nil {
				return err
			}
			if len(list) == 1 {
				p.log, p.complete = &list[0], true
				return nil
			}
		}
	}
	head, first, err := lake.Head(in)
	if err != nil {
		return err
	}
	if len(head) == 0 {
		p.log = &log{}
		p.at = p.log.at()
		return nil
	}
	prefix := hex.EncodeToString(first[:12])
	candidates, err := s.logs(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: prefix + "-"}, {Key: "$lt", Value: prefix + "."}}}})
	if err != nil {
		return err
	}
	for i := range candidates {
		g := &candidates[i]
		if g.HeadSize > int64(len(head)) || !bytes.Equal(lake.Sum(head[:g.HeadSize]), g.HeadHash) {
			continue
		}
		at := g.at()
		if p.log != nil && at.Offset <= p.at.Offset {
			continue
		}
		same, grown, err := at.Compare(in)
		if err != nil {
			return err
		}
		if !same || grown && max(at.Offset+at.OpenSize, g.HeadSize) < lake.Decisive && !lake.Namesake(p.path, g.path()) {
			continue
		}
		p.log, p.at, p.complete = g, at, !grown
	}
	switch {
	case p.log == nil:
		return s.claim(ctx, in, p, head, first, fmt.Sprintf("%s-%d", prefix, len(candidates)+1))
	case !p.complete && p.at.OpenSize > 0:
		return s.removeOpenLine(ctx, p)
	}
	return nil
}

// fileKey is the _id of a path: what is no text cannot be one.
func fileKey(path string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(path, "\x00", ""), "\ufffd")
}

// claim makes a new log.
func (s *Store) claim(ctx context.Context, in source.Input, p *progress, head, first []byte, id string) error {
	d := sourceDoc{ID: id, Name: fileKey(in.Name), Path: fileKey(p.path), FirstHash: first, HeadSize: int64(len(head)), HeadHash: lake.Sum(head)}
	if _, err := s.db.Collection("sources").InsertOne(ctx, d); driver.IsDuplicateKeyError(err) {
		return fmt.Errorf("%w (%q)", lake.ErrOvertaken, in.Name)
	} else if err != nil {
		return s.fail("add a log", err)
	}
	p.log = &log{sourceDoc: d}
	p.at = p.log.at()
	return nil
}

// removeOpenLine takes the batch back that is a last line without an end, which has grown: it is read again.
func (s *Store) removeOpenLine(ctx context.Context, p *progress) error {
	b := &p.log.batches[len(p.log.batches)-1]
	_, err := s.db.Collection("batches").DeleteOne(ctx, bson.D{{Key: "_id", Value: b.ID}, {Key: "counts", Value: b.Counts}})
	if err != nil {
		return s.fail("read the last line again", err)
	}
	for _, c := range []string{"events", "malformed"} { // the line may be of the other kind next time
		if _, err := s.db.Collection(c).DeleteOne(ctx, bson.D{{Key: "_id", Value: eventID(b.Source, b.From)}}); err != nil {
			return s.fail("read the last line again", err)
		}
	}
	if err := s.removeShares(ctx, b); err != nil {
		return err
	}
	if err := s.removeCounts(ctx, b.countNames()); err != nil {
		return err
	}
	p.log.batches = p.log.batches[:len(p.log.batches)-1]
	p.at.OpenSize, p.at.OpenHash = 0, nil
	return nil
}
