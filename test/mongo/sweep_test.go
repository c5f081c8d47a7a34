package mongo

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/lake"
	"weir/internal/mongo"
	"weir/internal/source"
	"weir/internal/storetest"
)

// always is an age that everything has.
const always = -2 * time.Second

// count returns how many documents a collection has.
func count(t *testing.T, uri, collection string) int64 {
	t.Helper()
	n, err := collectionOf(t, uri, collection).CountDocuments(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func collectionOf(t *testing.T, uri, name string) *driver.Collection {
	t.Helper()
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Disconnect(t.Context()) })
	return client.Database(databaseOf(uri)).Collection(name)
}

func sweep(t *testing.T, m *mongo.Store) int64 {
	t.Helper()
	age := m.SweepAfter
	m.SweepAfter = always
	n, err := m.Sweep(t.Context())
	m.SweepAfter = age
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSweep cuts ingests off, and makes sure that what they leave goes, and nothing else.
func TestSweep(t *testing.T) {
	dir := company(t, "1000")
	log := filepath.Join(dir, "company/nginx/access.log")
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			uri := s.database(t)
			m := open(t, uri)
			orphans(t, m, uri, log)
			left := count(t, uri, "events")
			if left == 0 {
				t.Fatal("nothing was left behind")
			}
			if n, err := m.Sweep(t.Context()); err != nil || n != 0 || count(t, uri, "events") != left {
				t.Errorf("%d of %d young events swept, %v", n, left, err)
			}
			if n := sweep(t, m); n != left || count(t, uri, "events") != 0 {
				t.Errorf("%d of %d swept, %d left", n, left, count(t, uri, "events"))
			}
			must(t, dir, "ingest", "--store", uri, "company/nginx")
			want := count(t, uri, "events")
			sound(t, m)
			// Behind a committed batch, in a log that has grown.
			orphans(t, m, uri, log)
			for name, doc := range map[string]bson.D{ // and what a killed training leaves
				"counts":      {{Key: "_id", Value: "00000001ff:000000"}, {Key: "batch", Value: "00000001ff"}, {Key: "cells", Value: []byte{}}},
				"model_parts": {{Key: "_id", Value: "00000001ee:000000"}, {Key: "model", Value: "00000001ee"}, {Key: "data", Value: []byte{1}}},
				"shares":      {{Key: "_id", Value: "gone.0:1"}, {Key: "stretch", Value: "gone.0"}, {Key: "marks", Value: "[1]"}, {Key: "list", Value: bson.A{}}},
			} {
				if _, err := collectionOf(t, uri, name).InsertOne(t.Context(), doc); err != nil {
					t.Fatal(err)
				}
			}
			must(t, dir, "mark", "bad", "--store", uri, "--window", window)
			counts := count(t, uri, "counts")
			sweep(t, m)
			if n := count(t, uri, "events"); n != want {
				t.Errorf("%d events, want %d", n, want)
			}
			if c, p, x := count(t, uri, "counts"), count(t, uri, "model_parts"), count(t, uri, "shares"); c != counts-1 || p != 1 || x == 0 {
				t.Errorf("%d of %d counts, %d pieces of models and %d shares are left", c, counts, p, x)
			}
			sound(t, m)
			if out := must(t, dir, "ingest", "--store", uri, "company/nginx"); !strings.HasPrefix(out, "0 events added") {
				t.Error(out)
			}
		})
	}
}

// orphans leaves events that no batch covers: those of an ingest whose line is cut before it commits.
func orphans(t *testing.T, m *mongo.Store, uri, log string) {
	t.Helper()
	text := "192.0.2.99 - - [01/Mar/2026:00:00:00 +0000] \"GET /never HTTP/1.1\" 200 5 \"-\" \"x\"\n"
	ids := collectionOf(t, uri, "events")
	list, err := m.Inputs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 { // a new log: it is known by what an ingest claims first
		in := source.Reader("other.log", strings.NewReader(strings.Repeat(text, 3)))
		other, err := mongo.Open(t.Context(), uri, storetest.Settings, true)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if _, err := other.Ingest(t.Context(), []source.Input{in}, lake.IngestOptions{}); err != nil {
			t.Fatal(err)
		}
		// As if it had been killed just before the commit.
		if _, err := collectionOf(t, uri, "batches").DeleteMany(t.Context(), bson.D{}); err != nil {
			t.Fatal(err)
		}
		return
	}
	var batch struct {
		Source string `bson:"source"`
		To     int64  `bson:"to"`
	}
	if err := collectionOf(t, uri, "batches").FindOne(t.Context(), bson.D{{Key: "void", Value: false}}).Decode(&batch); err != nil {
		t.Fatal(err)
	}
	var doc bson.D
	if err := ids.FindOne(t.Context(), bson.D{{Key: "weir.source", Value: batch.Source}}).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	doc[0].Value = batch.Source + ":999999999999" // any line behind the last
	if _, err := ids.InsertOne(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
}

// TestSweepWhileOthersIngest sweeps again and again what somebody is about to commit: he reads it again, and nothing is lost.
func TestSweepWhileOthersIngest(t *testing.T) {
	dir := company(t, "1000")
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			uri := s.database(t)
			m, sweeper := open(t, uri), open(t, uri)
			in, err := source.Expand([]string{filepath.Join(dir, "company/nginx"), filepath.Join(dir, "company/zeek/conn.log")})
			if err != nil {
				t.Fatal(err)
			}
			var wait sync.WaitGroup
			done := make(chan struct{})
			var swept int64
			wait.Go(func() {
				sweeper.SweepAfter = always
				for range 25 { // not for ever: an ingest has to get somewhere
					n, err := sweeper.Sweep(t.Context())
					if err != nil {
						t.Error(err)
					}
					swept += n
					select {
					case <-done:
						return
					case <-time.After(5 * time.Millisecond):
					}
				}
			})
			r, err := m.Ingest(t.Context(), in, lake.IngestOptions{Batch: 20_000})
			close(done)
			wait.Wait()
			if err != nil {
				t.Fatal(err)
			}
			want := int64(0)
			_, err = format.Scan(t.Context(), in, format.ScanOptions{Workers: 1}, func(int, *event.Keys) format.Handler { return counter{&want} })
			if err != nil || r.Events != want || count(t, uri, "events") != want {
				t.Errorf("%d events added, %d there, want %d, %v", r.Events, count(t, uri, "events"), want, err)
			}
			sound(t, m)
			t.Logf("%d events were swept while they were written", swept)
		})
	}
}

type counter struct{ n *int64 }

func (c counter) Event(*event.Event, format.Position, []byte) { *c.n++ }
