package mongo

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"weir/internal/lake"
	"weir/internal/marks"
)

// An entry is a line of the journal of marks.
type entry struct {
	Number int64  `bson:"_id"`
	ID     string `bson:"id"`
	When   int64  `bson:"when"` // nanoseconds since 1970, as all times here
	Who    any    `bson:"who"`  // texts are bytes where they hold a NUL
	What   string `bson:"what,omitempty"`
	Note   any    `bson:"note,omitempty"`
	From   *int64 `bson:"from,omitempty"`
	To     *int64 `bson:"to,omitempty"`
	Hosts  bson.A `bson:"hosts,omitempty"`
	Where  any    `bson:"where,omitempty"`
	Unmark string `bson:"unmark,omitempty"`
}

func newEntry(number int64, m *marks.Mark) entry {
	e := entry{Number: number, ID: m.ID, When: m.When.UnixNano(), Who: textOrBytes([]byte(m.Who)), What: string(m.What), Unmark: m.Unmark,
		Note: textOrBytes([]byte(m.Note))}
	if m.Span == nil {
		return e
	}
	end := func(t time.Time) *int64 {
		if t.IsZero() {
			return nil
		}
		ns := t.UnixNano()
		return &ns
	}
	e.From, e.To, e.Where = end(m.Span.From), end(m.Span.To), textOrBytes([]byte(m.Span.Where))
	for _, h := range m.Span.Hosts {
		e.Hosts = append(e.Hosts, textOrBytes([]byte(h)))
	}
	return e
}

func (e *entry) mark() marks.Mark {
	text := func(v any) string {
		switch x := v.(type) {
		case string:
			return x
		case bson.Binary:
			return string(x.Data)
		}
		return ""
	}
	m := marks.Mark{ID: e.ID, When: time.Unix(0, e.When).UTC(), Who: text(e.Who), Note: text(e.Note), Unmark: e.Unmark}
	if e.Unmark != "" {
		return m
	}
	m.What, m.Span = marks.What(e.What), &marks.Span{Where: text(e.Where)}
	if e.From != nil {
		m.Span.From = time.Unix(0, *e.From).UTC()
	}
	if e.To != nil {
		m.Span.To = time.Unix(0, *e.To).UTC()
	}
	for _, h := range e.Hosts {
		m.Span.Hosts = append(m.Span.Hosts, text(h))
	}
	return m
}

// journal returns the marks, and the number of the last entry.
func (g ground) journal(ctx context.Context) ([]lake.Mark, int64, error) {
	list, err := all[entry](ctx, g.s, "marks", bson.D{})
	if err != nil {
		return nil, 0, err
	}
	entries, numbers := make([]marks.Mark, len(list)), make([]int64, len(list))
	for i := range list {
		if list[i].Number != int64(i+1) { // entries are added one behind the other, and never removed
			return nil, 0, fmt.Errorf("%w: entry %d of the marks is missing in %s", lake.ErrSegment, i+1, g.s.Name)
		}
		entries[i], numbers[i] = list[i].mark(), list[i].Number
	}
	return lake.Replay(entries, numbers), int64(len(list)), nil
}

func (g ground) Marks(ctx context.Context) ([]lake.Mark, error) {
	list, _, err := g.journal(ctx)
	return list, err
}

// Append inserts each entry under the number behind the last. Where that is taken somebody else was faster, and plan is asked again;
// so what it gives has to leave out what is there already.
func (g ground) Append(ctx context.Context, plan func([]lake.Mark) ([]marks.Mark, error)) error {
	for range maxOvertaken {
		there, last, err := g.journal(ctx)
		if err != nil {
			return err
		}
		list, err := plan(there)
		if err != nil {
			return err
		}
		taken := false
		for i := range list {
			last++
			_, err := g.s.db.Collection("marks").InsertOne(ctx, newEntry(last, &list[i]))
			if taken = driver.IsDuplicateKeyError(err); taken {
				break
			}
			if err != nil {
				return g.s.fail("save a mark", err)
			}
		}
		if !taken {
			return nil
		}
	}
	return fmt.Errorf("%w: others make marks all the time; run again", lake.ErrOvertaken)
}
