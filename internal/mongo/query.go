package mongo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// ErrPipeline says that a pipeline is none, or does what it may not.
var ErrPipeline = errors.New("this pipeline cannot be run")

// Queried are the collections that a pipeline may read, the usual one first.
var Queried = []string{"events", "malformed", "batches", "sources", "counts", "marks", "shares", "models"}

// stages are those a pipeline may have: they only read, and only the one collection. FerretDB 1 has those in the first line.
var stages = []string{"$match", "$group", "$sort", "$skip", "$limit", "$unwind", "$project", "$addFields", "$set", "$unset", "$count",
	"$sortByCount", "$bucket", "$bucketAuto", "$facet", "$replaceRoot", "$replaceWith", "$redact", "$sample", "$setWindowFields",
	"$densify", "$fill"}

// scripts are operators that run a program on the server.
var scripts = []string{"$where", "$function", "$accumulator"}

// parsePipeline reads a pipeline from (extended) JSON and checks it.
func parsePipeline(text string) (bson.A, error) {
	if !json.Valid([]byte(text)) { // the driver's own parser may loop for ever over what is cut off
		return nil, fmt.Errorf("%w: it is no JSON", ErrPipeline)
	}
	var doc bson.D
	if err := bson.UnmarshalExtJSON([]byte(`{"p": `+text+`}`), false, &doc); err != nil {
		return nil, fmt.Errorf("%w: it is no extended JSON: %w", ErrPipeline, err)
	}
	list, ok := doc[0].Value.(bson.A)
	if !ok {
		return nil, fmt.Errorf(`%w: it is no list of stages; write [{"$match": {…}}, …]`, ErrPipeline)
	}
	return list, checkStages(list)
}

func checkStages(list bson.A) error {
	for i, s := range list {
		stage, ok := s.(bson.D)
		if !ok || len(stage) != 1 {
			return fmt.Errorf("%w: stage %d is not an object with one name", ErrPipeline, i+1)
		}
		name := stage[0].Key
		if !slices.Contains(stages, name) {
			return fmt.Errorf("%w: stage %d, %q, is not one of those that only read this collection: %s", ErrPipeline, i+1, name,
				strings.Join(stages, ", "))
		}
		if name == "$facet" {
			facets, _ := stage[0].Value.(bson.D)
			for _, f := range facets {
				inner, ok := f.Value.(bson.A)
				if !ok {
					return fmt.Errorf("%w: facet %q is no list of stages", ErrPipeline, f.Key)
				}
				if err := checkStages(inner); err != nil {
					return err
				}
			}
		}
		if err := checkScripts(stage[0].Value); err != nil {
			return err
		}
	}
	return nil
}

// checkScripts refuses operators that run programs, at any depth.
func checkScripts(v any) error {
	switch x := v.(type) {
	case bson.D:
		for _, e := range x {
			if slices.Contains(scripts, e.Key) {
				return fmt.Errorf("%w: %s runs a program on the server", ErrPipeline, e.Key)
			}
			if err := checkScripts(e.Value); err != nil {
				return err
			}
		}
	case bson.A:
		for _, e := range x {
			if err := checkScripts(e); err != nil {
				return err
			}
		}
	case bson.CodeWithScope, bson.JavaScript:
		return fmt.Errorf("%w: it holds a program", ErrPipeline)
	}
	return nil
}

// Query runs an aggregation pipeline over one of [Queried] on the server and calls f with the answer's documents: their
// names, and their values as nil, bool, int64, float64, string, []byte, time.Time, []any or map[string]any. At most limit
// come; more says that there would be others. What an ingest has not committed is not there.
func (s *Store) Query(ctx context.Context, collection, text string, limit int, f func(names []string, values []any) error) (more bool, err error) {
	if !slices.Contains(Queried, collection) {
		return false, fmt.Errorf("%w: there is no collection %q; there are %s", ErrPipeline, collection, strings.Join(Queried, ", "))
	}
	stages, err := parsePipeline(text)
	if err != nil {
		return false, err
	}
	if collection == "events" || collection == "malformed" {
		hidden, err := s.uncommitted(ctx, collection)
		if err != nil {
			return false, err
		}
		if len(hidden) > 0 {
			stages = append(bson.A{bson.D{{Key: "$match", Value: bson.D{{Key: "$nor", Value: hidden}}}}}, stages...)
		}
	}
	stages = append(stages, bson.D{{Key: "$limit", Value: int64(limit) + 1}})
	cursor, err := s.db.Collection(collection).Aggregate(ctx, stages)
	if err != nil {
		return false, s.fail("run the pipeline", err)
	}
	defer cursor.Close(context.WithoutCancel(ctx))
	for n := 0; cursor.Next(ctx); n++ {
		if n == limit {
			return true, nil
		}
		var d bson.D
		if err := bson.Unmarshal(cursor.Current, &d); err != nil {
			return false, fmt.Errorf("cannot read the answer: %w", err)
		}
		names, values := make([]string, len(d)), make([]any, len(d))
		for i, e := range d {
			names[i], values[i] = e.Key, goValue(e.Value)
		}
		if err := f(names, values); err != nil {
			return false, err
		}
	}
	if err := cursor.Err(); err != nil {
		return false, s.fail("read the answer", err)
	}
	return false, nil
}

// uncommitted returns conditions for documents at lines that no batch covers, of those logs that have such.
func (s *Store) uncommitted(ctx context.Context, collection string) (bson.A, error) {
	list, err := s.logs(ctx, bson.D{})
	if err != nil {
		return nil, err
	}
	var out bson.A
	for len(list) > 0 {
		part := list[:min(100, len(list))]
		list = list[len(part):]
		after := map[string]bson.D{}
		var any bson.A
		for i := range part {
			at := part[i].at()
			from := at.Line
			if at.OpenSize > 0 {
				from++
			}
			c := bson.D{{Key: "_id", Value: bson.D{{Key: "$gte", Value: eventID(part[i].ID, from)}, {Key: "$lt", Value: part[i].ID + ";"}}}}
			after[part[i].ID] = c
			any = append(any, c)
		}
		cursor, err := s.db.Collection(collection).Find(ctx, bson.D{{Key: "$or", Value: any}}, options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}}))
		if err != nil {
			return nil, s.fail("look for what was not committed", err)
		}
		for cursor.Next(ctx) {
			id, _ := cursor.Current.Lookup("_id").StringValueOK()
			source, _, _ := strings.Cut(id, ":")
			if c, ok := after[source]; ok {
				out = append(out, c)
				delete(after, source)
			}
		}
		err = cursor.Err()
		_ = cursor.Close(ctx) // it was only read
		if err != nil {
			return nil, s.fail("look for what was not committed", err)
		}
	}
	return out, nil
}

// goValue returns a BSON value without the driver's types.
func goValue(v any) any {
	switch x := v.(type) {
	case nil, bool, int64, float64, string:
		return x
	case int32:
		return int64(x)
	case bson.D:
		m := map[string]any{}
		for _, e := range x {
			m[e.Key] = goValue(e.Value)
		}
		return m
	case bson.A:
		out := make([]any, len(x))
		for i := range x {
			out[i] = goValue(x[i])
		}
		return out
	case bson.DateTime:
		return x.Time().UTC()
	case bson.ObjectID:
		return x.Hex()
	case bson.Decimal128:
		return x.String()
	case bson.Binary:
		if x.Subtype == bson.TypeBinaryUUID {
			return bytesText(x.Subtype, x.Data)
		}
		return x.Data
	case bson.Null, bson.Undefined:
		return nil
	}
	return fmt.Sprint(v)
}
