package mongo

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weir/internal/count"
	"weir/internal/lake"
)

const cellChunk = 100_000 // of one document

// A countDoc holds token counts of one field under a name (of a day of a batch, or of a share), or without a field how many events
// there were by hour. A cell is 8 bytes of token (little-endian), and as varints 2·hour + (1 for a part of a value) and n; they are in
// the order of part, token and hour.
type countDoc struct {
	ID    string `bson:"_id"`
	Name  string `bson:"batch"`
	Field any    `bson:"field"` // text, or bytes; null for events
	N     int64  `bson:"n"`     // cells
	Cells []byte `bson:"cells"`
}

// saveDays writes the counts of a batch, by day, under a new name.
func (s *Store) saveDays(ctx context.Context, b *batchDoc, days *lake.Daily) (err error) {
	if b.Counts, err = s.newName(); err != nil {
		return err
	}
	b.Days = []dayDoc{}
	for i, d := range days.Days() {
		b.Days = append(b.Days, dayDoc{Day: d.Day, Rows: d.Rows, Timed: d.Timed, First: d.First, Last: d.Last})
		if b.Days[i].Cells, err = s.saveCounts(ctx, b.countsOf(i), d.Tally); err != nil {
			return err
		}
	}
	return nil
}

// saveCounts writes counts under a name, and returns how many cells there are.
func (s *Store) saveCounts(ctx context.Context, name string, t *count.Tally) (cells int64, err error) {
	var docs []countDoc
	add := func(field any, list []count.Cell) {
		cells += int64(len(list))
		for part := range slices.Chunk(list, cellChunk) {
			d := countDoc{ID: fmt.Sprintf("%s:%06d", name, len(docs)), Name: name, Field: field, N: int64(len(part))}
			for _, c := range part {
				kind := uint64(2 * c.Hour)
				if c.Part {
					kind++
				}
				d.Cells = binary.LittleEndian.AppendUint64(d.Cells, c.Token)
				d.Cells = binary.AppendUvarint(binary.AppendUvarint(d.Cells, kind), c.N)
			}
			docs = append(docs, d)
		}
	}
	var events []count.Cell
	for hour, n := range t.Events {
		if n > 0 {
			events = append(events, count.Cell{Hour: hour, N: n})
		}
	}
	add(nil, events)
	for _, field := range t.Names() {
		add(textOrBytes([]byte(field)), t.Field(field).Cells())
	}
	for part := range slices.Chunk(docs, 16) { // a few at a time: they may be large
		if err := s.insert(ctx, "counts", part, true); err != nil {
			return 0, err
		}
	}
	return cells, nil
}

func (s *Store) removeCounts(ctx context.Context, names []string) error {
	for part := range slices.Chunk(names, changeChunk) {
		if _, err := s.db.Collection("counts").DeleteMany(ctx, bson.D{{Key: "batch", Value: in(part)}}); err != nil {
			return s.fail("remove counts", err)
		}
	}
	return nil
}

// in is a condition that a value is one of some.
func in[T any](list []T) bson.D { return bson.D{{Key: "$in", Value: toAny(list)}} }

// plainName is a name without how many cells there are.
func plainName(name string) string {
	plain, _, _ := strings.Cut(name, ":")
	return plain
}

// runs calls f with the counts under names, in no order. Each name is followed by : and how many cells there have to be, so that
// counts which somebody is removing are not taken for all of them (lake.ErrGone).
func (s *Store) runs(ctx context.Context, names []string, f func(i int, d *countDoc, c count.Cell) error) error {
	index, left := map[string]int{}, make([]int64, len(names))
	plain := make([]string, len(names))
	for i, n := range names {
		name, cells, _ := strings.Cut(n, ":")
		plain[i], index[name] = name, i
		left[i], _ = strconv.ParseInt(cells, 10, 64) // this package wrote it
	}
	if len(names) == 0 {
		return nil
	}
	cursor, err := s.db.Collection("counts").Find(ctx, bson.D{{Key: "batch", Value: in(plain)}}, options.Find().SetBatchSize(64))
	if err != nil {
		return s.fail("read counts", err)
	}
	defer cursor.Close(context.WithoutCancel(ctx))
	for cursor.Next(ctx) {
		var d countDoc
		if err := bson.Unmarshal(cursor.Current, &d); err != nil {
			return fmt.Errorf("%w: counts cannot be read: %w", lake.ErrSegment, err)
		}
		i, ok := index[d.Name]
		if !ok {
			continue
		}
		n, err := d.each(func(c count.Cell) error { return f(i, &d, c) })
		if err != nil {
			return err
		}
		left[i] -= n
	}
	if err := cursor.Err(); err != nil {
		return s.fail("read counts", err)
	}
	for i, n := range left {
		if n != 0 {
			return fmt.Errorf("%w: counts %s: of %d cells something %w", lake.ErrSegment, plain[i], n, lake.ErrGone)
		}
	}
	return nil
}

// fieldName returns the field's name.
func (d *countDoc) fieldName() (name string, ok bool) {
	switch name := d.Field.(type) {
	case string:
		return name, true
	case bson.Binary:
		return string(name.Data), true
	}
	return "", false
}

// each calls f with the cells of a document.
func (d *countDoc) each(f func(count.Cell) error) (n int64, err error) {
	for b := d.Cells; len(b) > 0; n++ {
		if len(b) < 10 {
			return n, fmt.Errorf("%w: counts %s are cut off", lake.ErrSegment, d.ID)
		}
		token := binary.LittleEndian.Uint64(b)
		kind, k := binary.Uvarint(b[8:])
		b = b[8+max(k, 0):]
		amount, m := binary.Uvarint(b)
		if k <= 0 || m <= 0 || kind/2 > count.Untimed {
			return n, fmt.Errorf("%w: counts %s cannot be read", lake.ErrSegment, d.ID)
		}
		b = b[m:]
		if err := f(count.Cell{Token: token, Part: kind%2 == 1, Hour: int(kind / 2), N: amount}); err != nil {
			return n, err
		}
	}
	return n, nil
}

// addCounts adds the counts under a name, as runs takes it, to a tally.
func (s *Store) addCounts(ctx context.Context, name string, t *count.Tally) error {
	return s.runs(ctx, []string{name}, func(_ int, d *countDoc, c count.Cell) error {
		if field, ok := d.fieldName(); ok {
			t.Field(field).Add(c.Token, c.Part, c.Hour, c.N)
		} else {
			t.Events[c.Hour] += c.N
		}
		return nil
	})
}
