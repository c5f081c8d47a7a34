package mongo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weir/internal/lake"
)

// A modelDoc is a training.
type modelDoc struct {
	ID       int64   `bson:"_id"`
	Made     int64   `bson:"made"`
	Marks    []int64 `bson:"marks"`
	Of       string  `bson:"of"`
	HalfLife int     `bson:"half_life"`
	Good     int64   `bson:"good"`
	Bad      int64   `bson:"bad"`
	Ignored  int64   `bson:"ignored"`
	Name     string  `bson:"name"` // of its documents in model_parts; empty once these were removed
	Size     int64   `bson:"size"`
	Hash     []byte  `bson:"hash"`
}

// A partDoc is a piece of a model.
type partDoc struct {
	ID   string `bson:"_id"`
	Name string `bson:"model"`
	Data []byte `bson:"data"`
}

const partBytes = 8 << 20

func (g ground) models(ctx context.Context, filter bson.D) ([]lake.Model, error) {
	list, err := all[modelDoc](ctx, g.s, "models", filter)
	if err != nil {
		return nil, err
	}
	var out []lake.Model
	for _, d := range list {
		out = append(out, lake.Model{ID: d.ID, Made: d.Made, Marks: d.Marks, Of: d.Of, HalfLife: d.HalfLife, Good: d.Good, Bad: d.Bad, Ignored: d.Ignored,
			Name: d.Name, Size: d.Size, Hash: d.Hash})
	}
	return out, nil
}

func (g ground) LastModel(ctx context.Context) (*lake.Model, error) {
	var d struct {
		ID int64 `bson:"_id"`
	}
	err := g.s.db.Collection("models").FindOne(ctx, bson.D{}, options.FindOne().SetSort(bson.D{{Key: "_id", Value: -1}})).Decode(&d)
	if err == driver.ErrNoDocuments {
		return nil, nil
	}
	if err != nil {
		return nil, g.s.fail("read models", err)
	}
	list, err := g.models(ctx, bson.D{{Key: "_id", Value: d.ID}})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

func (g ground) CommitModel(ctx context.Context, m, before *lake.Model, write func(io.Writer) error) (err error) {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if m.Name, err = g.s.newName(); err != nil {
		return err
	}
	sum := sha256.Sum256(b.Bytes())
	m.ID, m.Size, m.Hash = 1, int64(b.Len()), sum[:]
	if before != nil {
		m.ID = before.ID + 1
	}
	var parts []partDoc
	for part := range slices.Chunk(b.Bytes(), partBytes) {
		parts = append(parts, partDoc{ID: fmt.Sprintf("%s:%06d", m.Name, len(parts)), Name: m.Name, Data: part})
	}
	for i := range parts {
		if err := g.s.insert(ctx, "model_parts", parts[i:i+1], false); err != nil {
			return err
		}
	}
	d := modelDoc{m.ID, m.Made, m.Marks, m.Of, m.HalfLife, m.Good, m.Bad, m.Ignored, m.Name, m.Size, m.Hash}
	if err := g.unmoved(ctx, m); err != nil {
		return joinErr(err, g.s.removeParts(ctx, m.Name))
	}
	switch _, err := g.s.db.Collection("models").InsertOne(ctx, d); {
	case driver.IsDuplicateKeyError(err):
		return joinErr(fmt.Errorf("%w: somebody else has trained", lake.ErrOvertaken), g.s.removeParts(ctx, m.Name))
	case err != nil:
		return g.s.fail("save the model", err) // it may be there; its pieces are swept if it is not
	}
	if err = g.unmoved(ctx, m); err == nil && g.s.lateName(m.Name) {
		err = fmt.Errorf("%w: this took too long", lake.ErrOvertaken)
	}
	if err != nil { // it may count what was forgotten meanwhile, or its pieces may have been swept
		return joinErr(err, g.s.dropModels(ctx, bson.D{{Key: "_id", Value: m.ID}}))
	}
	return g.s.dropModels(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$lte", Value: m.ID - keptModels}}}, {Key: "name", Value: bson.D{{Key: "$ne", Value: ""}}}})
}

// keptModels is how many models keep their bytes: the last, and the one that it is compared with.
const keptModels = 2

func joinErr(err, other error) error {
	if other != nil {
		return other
	}
	return err
}

// unmoved is an error where a model is not of the marks and events that there are.
func (g ground) unmoved(ctx context.Context, m *lake.Model) error {
	v, err := g.Look(ctx)
	if err != nil {
		return err
	}
	if !m.MadeFrom(v) {
		return fmt.Errorf("%w: marks or events have changed", lake.ErrOvertaken)
	}
	return nil
}

// dropModels takes the bytes from models that a filter names; when they were made and of what stays.
func (s *Store) dropModels(ctx context.Context, filter bson.D) error {
	list, err := ground{s}.models(ctx, filter)
	if err != nil {
		return err
	}
	for i := range list {
		_, err := s.db.Collection("models").UpdateOne(ctx, bson.D{{Key: "_id", Value: list[i].ID}}, bson.D{{Key: "$set", Value: bson.D{{Key: "name", Value: ""}}}})
		if err != nil {
			return s.fail("remove a model", err)
		}
		if err := s.removeParts(ctx, list[i].Name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) removeModels(ctx context.Context) error {
	return s.dropModels(ctx, bson.D{{Key: "name", Value: bson.D{{Key: "$ne", Value: ""}}}})
}

func (s *Store) removeParts(ctx context.Context, name string) error {
	if _, err := s.db.Collection("model_parts").DeleteMany(ctx, bson.D{{Key: "model", Value: name}}); err != nil {
		return s.fail("remove a model", err)
	}
	return nil
}

func (g ground) ReadModel(ctx context.Context, m *lake.Model) ([]byte, error) {
	parts, err := all[partDoc](ctx, g.s, "model_parts", bson.D{{Key: "model", Value: m.Name}})
	if err != nil {
		return nil, err
	}
	var b []byte
	for i := range parts {
		b = append(b, parts[i].Data...)
	}
	if int64(len(b)) != m.Size {
		return nil, fmt.Errorf("%w: model %d %w", lake.ErrSegment, m.ID, lake.ErrGone)
	}
	return b, nil
}

// statusOfMarks adds what status says of marks and training.
func (s *Store) statusOfMarks(ctx context.Context, st *lake.Status) error {
	v, err := ground{s}.Look(ctx)
	if err != nil {
		return err
	}
	for _, m := range v.Standing() {
		st.Marks++
		st.LastMark = max(st.LastMark, m.Made)
	}
	days := map[string]bool{}
	for i := range v.Stretches {
		if d := v.Stretches[i].Day; d != "" {
			days[d] = true
		}
	}
	st.Days = int64(len(days))
	if st.Model, err = s.LastModel(ctx); err != nil || st.Model == nil {
		return err
	}
	st.ModelStale = !st.Model.MadeFrom(v)
	return nil
}

// verifyMarked makes shares again from the events, and the models from the counts.
func (s *Store) verifyMarked(ctx context.Context, v *lake.Verification) error {
	at, err := ground{s}.Look(ctx)
	if err != nil {
		return err
	}
	if err := s.VerifyShares(ctx, at, v, func(*lake.Stretch) bool { return false }); err != nil {
		return err
	}
	list, err := ground{s}.models(ctx, bson.D{{Key: "name", Value: bson.D{{Key: "$ne", Value: ""}}}})
	if err != nil {
		return err
	}
	for i := range list {
		m := &list[i]
		b, err := s.ModelBytes(ctx, m)
		if sum := sha256.Sum256(b); err == nil && !bytes.Equal(sum[:], m.Hash) {
			err = fmt.Errorf("its bytes are not those that were written")
		}
		if err != nil {
			v.Faults = append(v.Faults, fmt.Sprintf("model %d: %v", m.ID, err))
			continue
		}
		v.Bytes += m.Size
		if err := s.VerifyModel(ctx, at, m, v); err != nil {
			return err
		}
	}
	return nil
}
