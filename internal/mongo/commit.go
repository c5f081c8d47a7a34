package mongo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weir/internal/format"
	"weir/internal/lake"
)

const (
	insertChunk = 1000 // documents of one insertion
	changeChunk = 50   // of one replacement or removal: FerretDB 1 hangs at 100 updates that match
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// flush writes what was read since the last commit, and commits it. The workers stand still meanwhile.
func (in *ingest) flush() error {
	in.wait()
	if in.batch == 0 {
		return nil
	}
	ctx := context.WithoutCancel(in.ctx)
	for _, c := range in.collectors {
		if c.err != nil {
			return fmt.Errorf("cannot make a document of an event: %w", c.err)
		}
		c.counter.Flush()
		if err := in.s.insert(ctx, "layouts", c.encode.fresh, false); err != nil {
			return err
		}
		c.encode.fresh = nil
	}
	for file, p := range in.files {
		if p != nil && p.touched {
			if err := in.commit(ctx, file, p); err != nil {
				return err
			}
		}
	}
	for _, c := range in.collectors {
		clear(c.shares)
	}
	clear(in.faults)
	in.batch = 0
	return nil
}

// commit writes what a batch holds of one log: events, lines that could not be read and counts, and then its document.
func (in *ingest) commit(ctx context.Context, file int, p *progress) error {
	started := in.s.now()
	all, days := newStats(), lake.NewDaily()
	for _, c := range in.collectors {
		h := c.shares[file]
		if h == nil {
			continue
		}
		docs := make([]bson.Raw, len(h.docs))
		for i := range docs {
			docs[i] = h.docs[i]
		}
		if err := in.s.insert(ctx, "events", docs, true); err != nil {
			return err
		}
		all.merge(&h.stats)
		days.Merge(h.days)
	}
	for i := range in.faults[file] {
		all.Malformed++
		all.Faults[in.faults[file][i].Reason]++
	}
	if err := in.s.insert(ctx, "malformed", in.faults[file], true); err != nil {
		return err
	}
	b := batchDoc{ID: p.log.next(p.from), Source: p.log.ID, From: p.from, To: p.at.Line, Offset: p.at.Offset, TailSize: p.at.TailSize,
		TailHash: p.at.TailHash, OpenSize: p.at.OpenSize, OpenHash: p.at.OpenHash, Path: fileKey(p.path), Lines: p.lines, Raw: !in.o.NoRaw,
		Made: in.s.now().UnixNano(), Stats: all, Datasets: toNamed(all.Datasets), Faults: toNamed(all.Faults)}
	if b.TailHash == nil {
		b.TailHash = lake.Sum(nil)
	}
	if err := in.s.saveDays(ctx, &b, days); err != nil {
		return err
	}
	b.Stale = in.s.late(started) // its counts may have been swept meanwhile: they are made again then
	if _, err := in.s.db.Collection("batches").InsertOne(ctx, b); err != nil {
		_ = in.s.removeCounts(ctx, b.countNames()) // the first error is the one to tell
		if driver.IsDuplicateKeyError(err) {
			return fmt.Errorf("%w (%q)", lake.ErrOvertaken, p.log.Name)
		}
		return in.s.fail("commit a batch", err)
	}
	p.log.batches = append(p.log.batches, b)
	p.log.voids = 0
	p.from, p.lines, p.touched = p.at.Line, 0, false
	in.told(file, &all)
	return nil
}

// told brings what was committed into the report.
func (in *ingest) told(file int, s *stats) {
	r := in.report
	r.Segments++
	r.Events += s.Records
	r.Files[file].Events += s.Records
	r.Malformed += s.Malformed
	r.Future += s.future
	for _, reason := range sortedKeys(s.Faults) {
		i := slices.IndexFunc(r.Faults, func(f format.Fault) bool { return f.Reason == reason })
		if i < 0 {
			i = len(r.Faults)
			r.Faults = append(r.Faults, format.Fault{Reason: reason})
		}
		r.Faults[i].Count += s.Faults[reason]
	}
}

// remember notes the files that were read to their end, so that they need not be opened next time, and the formats.
func (in *ingest) remember(summary *format.Summary) error {
	ctx := context.WithoutCancel(in.ctx)
	for i, p := range in.files {
		if p == nil || p.log.ID == "" || !p.log.read() {
			continue
		}
		f := &summary.Files[i]
		if f.Format != "" && f.Records > 0 && f.Format != p.log.Format {
			_, err := in.s.db.Collection("sources").UpdateOne(ctx, bson.D{{Key: "_id", Value: p.log.ID}},
				bson.D{{Key: "$set", Value: bson.D{{Key: "format", Value: f.Format}}}})
			if err != nil {
				return in.s.fail("save the format of a log", err)
			}
		}
		if p.path == "" || p.leftOut || f.Err != "" || in.report.Stopped {
			continue
		}
		d := fileDoc{Path: fileKey(p.path), Size: p.size, Time: p.modified, Source: p.log.ID}
		_, err := in.s.db.Collection("files").ReplaceOne(ctx, bson.D{{Key: "_id", Value: d.Path}}, d, options.Replace().SetUpsert(true))
		if err != nil && !driver.IsDuplicateKeyError(err) {
			return in.s.fail("save the state of a file", err)
		}
	}
	return nil
}

// insertID is the _id of a document.
func insertID(doc any) any {
	switch d := doc.(type) {
	case bson.Raw:
		return d.Lookup("_id").StringValue()
	case faultDoc:
		return d.ID
	case countDoc:
		return d.ID
	case partDoc:
		return d.ID
	case bson.D:
		return d[0].Value
	}
	return nil
}

// insert writes documents. Those whose _id is there already are left by somebody who was killed, or are being written by
// somebody else: with replace they are written over, since what was read may have been read otherwise then.
func (s *Store) insert(ctx context.Context, collection string, list any, replace bool) error {
	docs := anySlice(list)
	for len(docs) > 0 {
		part := docs[:min(insertChunk, len(docs))]
		docs = docs[len(part):]
		_, err := s.db.Collection(collection).InsertMany(ctx, part, options.InsertMany().SetOrdered(false))
		var bulk driver.BulkWriteException
		switch {
		case err == nil:
			continue
		case !errors.As(err, &bulk) || bulk.WriteConcernError != nil || !driver.IsDuplicateKeyError(err):
			return s.fail("write "+collection, err)
		}
		var again []driver.WriteModel
		for _, e := range bulk.WriteErrors {
			if !driver.IsDuplicateKeyError(e) {
				return s.fail("write "+collection, err)
			}
			doc := part[e.Index]
			again = append(again, driver.NewReplaceOneModel().SetFilter(bson.D{{Key: "_id", Value: insertID(doc)}}).SetReplacement(doc).SetUpsert(true))
		}
		for replace && len(again) > 0 {
			n := min(changeChunk, len(again))
			if _, err := s.db.Collection(collection).BulkWrite(ctx, again[:n], options.BulkWrite().SetOrdered(false)); err != nil {
				return s.fail("write "+collection, err)
			}
			again = again[n:]
		}
	}
	return nil
}

func anySlice(list any) []any {
	switch l := list.(type) {
	case []bson.Raw:
		return toAny(l)
	case []bson.D:
		return toAny(l)
	case []faultDoc:
		return toAny(l)
	case []countDoc:
		return toAny(l)
	case []partDoc:
		return toAny(l)
	}
	panic(fmt.Sprintf("mongo: insert of %T", list))
}

func toAny[T any](list []T) []any {
	out := make([]any, len(list))
	for i := range list {
		out[i] = list[i]
	}
	return out
}
