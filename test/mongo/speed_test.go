package mongo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"weir/internal/lake"
	"weir/internal/source"
)

// TestSpeed measures weir's ingest against the driver that inserts the same documents, with the same write concern and
// indexes, 1000 at a time. WEIR_MONGO_SPEED is how many events; make bench-mongo sets it.
func TestSpeed(t *testing.T) {
	events := os.Getenv("WEIR_MONGO_SPEED")
	if events == "" {
		t.Skip("NOT MEASURED: no WEIR_MONGO_SPEED")
	}
	dir := company(t, events)
	in, err := source.Expand([]string{filepath.Join(dir, "company/zeek"), filepath.Join(dir, "company/nginx")})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			var weirs, plains, ratios []float64
			for range 3 {
				uri := s.database(t)
				m := open(t, uri)
				begin := time.Now()
				r, err := m.Ingest(t.Context(), in, lake.IngestOptions{})
				if err != nil {
					t.Fatal(err)
				}
				ingest := time.Since(begin)
				docs := documentsOf(t, uri)
				if int64(len(docs)) != r.Events {
					t.Fatalf("%d documents of %d events", len(docs), r.Events)
				}
				bytes := 0
				for _, d := range docs {
					bytes += len(d)
				}
				plain := plainInserts(t, s.database(t), docs)
				n := float64(len(docs))
				weirs, plains, ratios = append(weirs, n/ingest.Seconds()), append(plains, n/plain.Seconds()), append(ratios, ingest.Seconds()/plain.Seconds())
				t.Logf("%d documents of %d bytes: weir ingest %.2f s, plain inserts %.2f s: %.2f times", len(docs), bytes/len(docs), ingest.Seconds(), plain.Seconds(),
					ingest.Seconds()/plain.Seconds())
				mark(t, dir, uri)
			}
			slices.Sort(ratios)
			t.Logf("best of %d: weir ingest %.0f events/s, plain inserts %.0f documents/s; median ratio of times %.2f", len(ratios), slices.Max(weirs), slices.Max(plains),
				ratios[len(ratios)/2])
		})
	}
}

// mark measures a mark with its training, and taking it back, as commands.
func mark(t *testing.T, dir, uri string) {
	t.Helper()
	begin := time.Now()
	out := must(t, dir, "mark", "bad", "--store", uri, "--window", window)
	marked := time.Since(begin)
	id, _, _ := strings.Cut(out, " ")
	begin = time.Now()
	must(t, dir, "unmark", id, "--store", uri)
	t.Logf("marked and trained in %.2f s, taken back and trained in %.2f s: %q", marked.Seconds(), time.Since(begin).Seconds(), out)
}

func documentsOf(t *testing.T, uri string) (out []bson.Raw) {
	t.Helper()
	cursor, err := collectionOf(t, uri, "events").Find(t.Context(), bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		t.Fatal(err)
	}
	defer cursor.Close(t.Context())
	for cursor.Next(t.Context()) {
		out = append(out, slices.Clone(cursor.Current))
	}
	if err := cursor.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// plainInserts inserts documents into a new collection with the indexes of the store.
func plainInserts(t *testing.T, uri string, docs []bson.Raw) time.Duration {
	t.Helper()
	open(t, uri) // makes the indexes
	journal := true
	client, err := driver.Connect(options.Client().ApplyURI(uri).SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: &journal}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Disconnect(t.Context())
	c := client.Database(databaseOf(uri)).Collection("events")
	begin := time.Now()
	for part := range slices.Chunk(docs, 1000) {
		list := make([]any, len(part))
		for i := range part {
			list[i] = part[i]
		}
		if _, err := c.InsertMany(t.Context(), list, options.InsertMany().SetOrdered(false)); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(begin)
}
