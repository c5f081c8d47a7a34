package mongo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"weir/internal/count"
	"weir/internal/lake"
)

// A shareDoc is the shares of a stretch under some marks. Its _id is both.
type shareDoc struct {
	ID      string       `bson:"_id"`
	Stretch string       `bson:"stretch"`
	Marks   string       `bson:"marks"` // lake.Job.Marks
	List    []shareEntry `bson:"list"`
}

type shareEntry struct {
	Class  string `bson:"class"`
	Counts string `bson:"counts"` // with the number of cells, as Store.runs takes it
	Events int64  `bson:"events"`
}

func (d *shareDoc) laid() lake.Laid {
	out := lake.Laid{Marks: d.Marks}
	for _, x := range d.List {
		out.Shares = append(out.Shares, lake.Share{Class: lake.Class(x.Class), Name: x.Counts, Events: x.Events})
	}
	return out
}

func shareID(stretch, marks string) string {
	sum := sha256.Sum256([]byte(marks))
	return stretch + ":" + hex.EncodeToString(sum[:12])
}

func (g ground) WriteShare(ctx context.Context, _ *lake.Stretch, _ lake.Class, t *count.Tally) (lake.Share, error) {
	name, err := g.s.newName()
	if err != nil {
		return lake.Share{}, err
	}
	cells, err := g.s.saveCounts(ctx, name, t)
	return lake.Share{Name: fmt.Sprintf("%s:%d", name, cells)}, err
}

func (g ground) DiscardShares(ctx context.Context, list []lake.Share) {
	var names []string
	for i := range list {
		names = append(names, plainName(list[i].Name))
	}
	_ = g.s.removeCounts(context.WithoutCancel(ctx), names) // what cannot be removed is swept later
}

// CommitShares inserts shares under what they are of; where somebody else has done so, his are the same. Then those of other marks go.
// Each stretch is committed by itself.
func (g ground) CommitShares(ctx context.Context, list []*lake.Job) error {
	for i, j := range list {
		if err := g.commitShares(ctx, j); err != nil {
			for _, rest := range list[i+1:] {
				g.DiscardShares(ctx, rest.Fresh)
			}
			return err
		}
	}
	return nil
}

func (g ground) commitShares(ctx context.Context, j *lake.Job) error {
	key, marks := j.Stretch.Key, j.Marks()
	for i := range j.Fresh {
		if g.s.lateName(j.Fresh[i].Name) {
			g.DiscardShares(ctx, j.Fresh)
			return fmt.Errorf("%w: this took too long", lake.ErrOvertaken)
		}
	}
	d := shareDoc{ID: shareID(key, marks), Stretch: key, Marks: marks, List: []shareEntry{}}
	for _, x := range j.Fresh {
		d.List = append(d.List, shareEntry{string(x.Class), x.Name, x.Events})
	}
	_, err := g.s.db.Collection("shares").InsertOne(ctx, d)
	if err != nil {
		g.DiscardShares(ctx, j.Fresh)
		if !driver.IsDuplicateKeyError(err) {
			return g.s.fail("save shares", err)
		}
	}
	if j.Was.Marks == marks || j.Was.Marks == "[]" && len(j.Was.Shares) == 0 {
		return nil
	}
	if _, err := g.s.db.Collection("shares").DeleteOne(ctx, bson.D{{Key: "_id", Value: shareID(key, j.Was.Marks)}}); err != nil {
		return g.s.fail("remove shares", err)
	}
	g.DiscardShares(ctx, j.Was.Shares)
	return nil
}

// removeShares removes all shares of the days of a batch.
func (s *Store) removeShares(ctx context.Context, b *batchDoc) error {
	if len(b.Days) == 0 {
		return nil
	}
	list, err := all[shareDoc](ctx, s, "shares", bson.D{{Key: "stretch", Value: in(b.countNames())}})
	if err != nil {
		return err
	}
	return s.dropShares(ctx, list)
}

func (s *Store) dropShares(ctx context.Context, list []shareDoc) error {
	for i := range list {
		if _, err := s.db.Collection("shares").DeleteOne(ctx, bson.D{{Key: "_id", Value: list[i].ID}}); err != nil {
			return s.fail("remove shares", err)
		}
		ground{s}.DiscardShares(ctx, list[i].laid().Shares)
	}
	return nil
}
