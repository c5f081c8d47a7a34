package mongo

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// What was written for a commit that never came is litter, and the next ingest sweeps it, once it is old (Store.SweepAfter).
//
// Whether somebody will still commit cannot be known: his machine may have slept. So it is made impossible first. Every
// attempt at a log starts by looking which batches there are, and ends at the _id behind these. An empty, void batch is
// inserted under that _id; if that succeeds, no attempt that has looked before can be committed, and who makes one looks
// again and reads those lines again under another number. Only then the events of these attempts are removed, by their
// number, so that those of later attempts stay though they have the same _id. Sweeping too early costs work, and no event.
//
// Counts, and the pieces of models, are swept by the time in their names and if nothing names them. Who commits counts so late that
// they may have been swept says so in the batch (Stale), and they are made again.

// An attempt is a number that says when it began, in its upper half (seconds since 1970), and is nobody else's.
func (s *Store) newAttempt() (int64, error) {
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("cannot make a random number: %w", err)
	}
	return s.now().Unix()<<31 | int64(binary.LittleEndian.Uint32(b[:])>>1), nil
}

// namesAfter is how old names have to be: nothing but their age keeps counts that are about to be committed.
func (s *Store) namesAfter() time.Duration { return max(s.SweepAfter, time.Minute) }

// late reports whether what was begun then may have been swept.
func (s *Store) late(started time.Time) bool { return s.now().Sub(started) > s.namesAfter()/2 }

// lateName is late, of what has a name of its own.
func (s *Store) lateName(name string) bool {
	made, ok := madeAt(name)
	return !ok || s.late(made)
}

// madeAt returns when a name was made.
func madeAt(name string) (time.Time, bool) {
	if len(name) < 8 {
		return time.Time{}, false
	}
	made, err := strconv.ParseUint(name[:8], 16, 32)
	return time.Unix(int64(made), 0), err == nil
}

// sweepNow sweeps, if this process has not done so lately.
func (s *Store) sweepNow(ctx context.Context) error {
	now := s.now()
	s.mu.Lock()
	due := s.swept.IsZero() || now.Sub(s.swept) > s.SweepAfter
	s.mu.Unlock()
	if !due {
		return nil
	}
	if _, err := s.Sweep(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.swept = now
	s.mu.Unlock()
	return nil
}

// Sweep removes what nobody will commit any more, and returns how many events and lines that were.
func (s *Store) Sweep(ctx context.Context) (removed int64, err error) {
	before := s.now().Add(-s.SweepAfter)
	logs, err := s.logs(ctx, bson.D{})
	if err != nil {
		return 0, err
	}
	for part := range slices.Chunk(logs, 100) {
		found, err := s.orphans(ctx, part)
		if err != nil {
			return removed, err
		}
		for i := range part {
			if o := found[part[i].ID]; len(o) > 0 {
				n, err := s.sweepLog(ctx, &part[i], o, before)
				removed += n
				if err != nil {
					return removed, err
				}
			}
		}
	}
	return removed, s.sweepNames(ctx, s.now().Add(-s.namesAfter()))
}

// behind is a condition for the documents of a log behind what was committed; false if its last line has no end: what stands there
// is replaced when it has grown.
func (g *log) behind() (bson.D, bool) {
	at := g.at()
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: eventID(g.ID, at.Line)}, {Key: "$lt", Value: g.ID + ";"}}}}, at.OpenSize == 0
}

// orphans returns the attempts whose events or malformed lines stand behind what was committed, by log.
func (s *Store) orphans(ctx context.Context, logs []log) (map[string][]int64, error) {
	var any bson.A
	for i := range logs {
		if c, ok := logs[i].behind(); ok {
			any = append(any, c)
		}
	}
	out := map[string][]int64{}
	if len(any) == 0 {
		return out, nil
	}
	for _, c := range []struct{ name, by, source string }{{"events", ownField + ".by", ownField + ".source"}, {"malformed", "by", "source"}} {
		cursor, err := s.db.Collection(c.name).Find(ctx, bson.D{{Key: "$or", Value: any}}, options.Find().SetProjection(bson.D{{Key: c.by, Value: 1},
			{Key: c.source, Value: 1}}))
		if err != nil {
			return nil, s.fail("look for litter", err)
		}
		for cursor.Next(ctx) {
			doc := cursor.Current
			if own, ok := doc.Lookup(ownField).DocumentOK(); ok {
				doc = own
			}
			source, _ := doc.Lookup("source").StringValueOK()
			by, _ := doc.Lookup("by").Int64OK()
			if !slices.Contains(out[source], by) && len(out[source]) < 1000 {
				out[source] = append(out[source], by)
			}
		}
		err = cursor.Err()
		_ = cursor.Close(ctx) // it was only read
		if err != nil {
			return nil, s.fail("look for litter", err)
		}
	}
	return out, nil
}

// sweepLog removes what attempts have left of a log, unless one of them is young: somebody is at work then.
func (s *Store) sweepLog(ctx context.Context, g *log, attempts []int64, before time.Time) (removed int64, err error) {
	for _, a := range attempts {
		if a>>31 >= before.Unix() {
			return 0, nil
		}
	}
	at := g.at()
	void := batchDoc{ID: g.next(at.Line), Source: g.ID, From: at.Line, To: at.Line, Void: true, Made: s.now().UnixNano()}
	if _, err := s.db.Collection("batches").InsertOne(ctx, void); driver.IsDuplicateKeyError(err) {
		return 0, nil // somebody has committed: it is looked at the next time
	} else if err != nil {
		return 0, s.fail("sweep a log", err)
	}
	where, _ := g.behind()
	for name, by := range map[string]string{"events": ownField + ".by", "malformed": "by"} {
		for part := range slices.Chunk(attempts, changeChunk) {
			r, err := s.db.Collection(name).DeleteMany(ctx, append(slices.Clone(where), bson.E{Key: by, Value: in(part)}))
			if err != nil {
				return removed, s.fail("sweep a log", err)
			}
			removed += r.DeletedCount
		}
	}
	return removed, nil
}

// sweepNames removes counts and pieces of models that nothing names, and shares of what is not there any more.
func (s *Store) sweepNames(ctx context.Context, before time.Time) error {
	shares, err := all[shareDoc](ctx, s, "shares", bson.D{}) // before the batches, as Look does
	if err != nil {
		return err
	}
	counts, err := s.oldNames(ctx, "counts", "batch", before)
	if err != nil {
		return err
	}
	parts, err := s.oldNames(ctx, "model_parts", "model", before)
	if err != nil {
		return err
	}
	logs, err := s.logs(ctx, bson.D{})
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for i := range logs {
		for j := range logs[i].batches {
			for _, name := range logs[i].batches[j].countNames() {
				there[name] = true
			}
		}
	}
	for i := range shares {
		if !there[shares[i].Stretch] {
			if err := s.dropShares(ctx, shares[i:i+1]); err != nil {
				return err
			}
		}
	}
	if shares, err = all[shareDoc](ctx, s, "shares", bson.D{}); err != nil {
		return err
	}
	for i := range shares {
		for _, x := range shares[i].laid().Shares {
			there[plainName(x.Name)] = true
		}
	}
	if err := s.removeCounts(ctx, slices.DeleteFunc(counts, func(name string) bool { return there[name] })); err != nil {
		return err
	}
	models, err := ground{s}.models(ctx, bson.D{})
	if err != nil {
		return err
	}
	for _, name := range parts {
		named := false
		for i := range models {
			named = named || models[i].Name == name
		}
		if !named {
			if err := s.removeParts(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// oldNames returns the names in a collection that were made before a time.
func (s *Store) oldNames(ctx context.Context, collection, field string, before time.Time) (out []string, err error) {
	cursor, err := s.db.Collection(collection).Aggregate(ctx, bson.A{bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: "$" + field}}}}})
	if err != nil {
		return nil, s.fail("look for litter", err)
	}
	defer cursor.Close(context.WithoutCancel(ctx))
	for cursor.Next(ctx) {
		name, _ := cursor.Current.Lookup("_id").StringValueOK()
		if made, ok := madeAt(name); ok && made.Before(before) {
			out = append(out, name)
		}
	}
	if err := cursor.Err(); err != nil {
		return nil, s.fail("look for litter", err)
	}
	return out, nil
}
