package mongo

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weir/internal/event"
)

// What a server is needed for is tested in test/mongo.

func roundTrip(t *testing.T, e *event.Event, raw []byte, keepRaw bool) record {
	t.Helper()
	var c encoder
	doc, err := c.encode(e, origin{"s-1", 7, 9}, raw, keepRaw)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]layout{}
	for _, d := range c.fresh {
		if known[d[0].Value.(string)], err = parseLayout(d[1].Value.(bson.A)); err != nil {
			t.Fatal(err)
		}
	}
	d := decoder{keys: event.NewKeys(), layout: func(id string) (layout, error) { return known[id], nil }}
	r, err := d.decode(doc)
	if err != nil {
		t.Fatalf("%v: %s", err, bson.Raw(doc))
	}
	return r
}

func FuzzDocument(f *testing.F) {
	f.Add("source.ip", "1", "source", "2", "$a.b", "3", "raw", int64(5))
	f.Add("a", "x\x00", "a.b", "\xff", "a..b", "", "event.original", int64(-1))
	f.Add("event.dataset", "d", "event.original", "o", "weir.x", "@timestamp", "\xff", int64(0))
	f.Add("source.port", "80", "source.port", "080", "source.port", "-0", "", int64(1))
	f.Add("＄a", "1", "$a", "2", "＄a", "3", "", int64(1))
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2, k3, v3, raw string, at int64) {
		keys := event.NewKeys()
		e := &event.Event{Dataset: k3, Time: at, HasTime: at%2 != 0}
		if !e.HasTime {
			e.Time = 0
		}
		for _, p := range [][2]string{{k1, v1}, {k2, v2}, {k3, v3}} {
			e.Add(keys.Get(p[0]), []byte(p[1]))
		}
		r := roundTrip(t, e, []byte(raw), true)
		if r.Dataset != e.Dataset || r.Time != e.Time || r.HasTime != e.HasTime || string(r.raw) != raw || len(r.Fields) != 3 || r.line != 7 || r.source != "s-1" {
			t.Fatalf("%+v, %q became %+v, %q", e, raw, r.Event, r.raw)
		}
		for i := range e.Fields {
			if e.Fields[i].Key.Name != r.Fields[i].Key.Name || string(e.Fields[i].Value) != string(r.Fields[i].Value) {
				t.Errorf("%q=%q became %q=%q", e.Fields[i].Key.Name, e.Fields[i].Value, r.Fields[i].Key.Name, r.Fields[i].Value)
			}
		}
		if r := roundTrip(t, e, []byte(raw), false); len(r.raw) != 0 {
			t.Errorf("a line was kept: %q", r.raw)
		}
	})
}

func TestNamesAreNested(t *testing.T) {
	keys := event.NewKeys()
	e := &event.Event{Dataset: "web.access", Time: -1, HasTime: true}
	for _, p := range [][2]string{{"source.ip", "192.0.2.7"}, {"url.path", "/"}, {"source.port", "80"}, {"tag", "a"}, {"tag", "b"}} {
		e.Add(keys.Get(p[0]), []byte(p[1]))
	}
	var c encoder
	doc, err := c.encode(e, origin{"s-1", 7, 9}, []byte("the line"), true)
	if err != nil {
		t.Fatal(err)
	}
	var got bson.D
	if err := bson.Unmarshal(doc, &got); err != nil {
		t.Fatal(err)
	}
	text, err := bson.MarshalExtJSON(got, false, false)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"_id":"s-1:000000000007","@timestamp":{"$date":{"$numberLong":"-1"}},"source":{"ip":"192.0.2.7","port":80},"url":{"path":"/"},` +
		`"tag":["a","b"],"event":{"dataset":"web.access","original":"the line"},"weir":{"source":"s-1","line":7,"by":9,"time":-1,"layout":"`
	if !strings.HasPrefix(string(text), want) {
		t.Errorf("\n%s, want\n%s", text, want)
	}
}

func TestValuesOfSomebodyElse(t *testing.T) {
	price, err := bson.ParseDecimal128("12.50")
	if err != nil {
		t.Fatal(err)
	}
	id := bson.ObjectID{1, 2, 3}
	raw, err := bson.Marshal(bson.D{{Key: "_id", Value: id}, {Key: "d", Value: bson.NewDateTimeFromTime(time.Unix(1, 5e6))},
		{Key: "far", Value: bson.DateTime(math.MaxInt64)}, {Key: "p", Value: price}, {Key: "f", Value: 1.5}, {Key: "nan", Value: math.NaN()},
		{Key: "n", Value: nil}, {Key: "i", Value: int32(-3)}, {Key: "t", Value: true}, {Key: "s", Value: "a\"\n\u2028"},
		{Key: "b", Value: bson.Binary{Data: []byte{0, 255}}}, {Key: "u", Value: bson.Binary{Subtype: 4, Data: make([]byte, 16)}},
		{Key: "o", Value: bson.D{{Key: "x.y", Value: bson.A{int64(1), bson.D{}}}}}, {Key: "r", Value: bson.Regex{Pattern: "^a", Options: "i"}},
		{Key: "ts", Value: bson.Timestamp{T: 1}}, {Key: "min", Value: bson.MinKey{}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := appendDocument(nil, raw)
	want := `{"_id":"010203000000000000000000","d":"1970-01-01T00:00:01.005Z","far":"9223372036854775807","p":"12.50","f":1.5,"nan":"NaN",` +
		`"n":null,"i":-3,"t":true,"s":"a\"\n\u2028","b":"AP8=","u":"00000000-0000-0000-0000-000000000000","o":{"x.y":[1,{}]},"r":"/^a/i",` +
		`"ts":"1970-01-01T00:00:01Z","min":"min key"}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s, want\n%s", err, got, want)
	}
}

func TestPipelines(t *testing.T) {
	for text, ok := range map[string]bool{
		`[]`: true, `[{"$match": {"a": {"$gte": {"$date": "2026-01-01T00:00:00Z"}}}}, {"$limit": 5}]`: true,
		`[{"$facet": {"a": [{"$count": "n"}]}}]`: true, `[{"$facet": {"a": [{"$merge": "x"}]}}]`: false, `[{"$facet": {"a": 1}}]`: false,
		`[{"$out": "x"}]`: false, `[{"$unionWith": "x"}]`: false, `[{"$graphLookup": {}}]`: false, `[{"$currentOp": {}}]`: false,
		`[{"$match": {"$where": "1"}}]`: false, `[{"$group": {"_id": 1, "x": {"$accumulator": {}}}}]`: false,
		`[{"$project": {"x": {"$code": "f()"}}}]`: false, `[1]`: false, `{}`: false, ``: false, `[], "q": [`: false, `[{"a":1,"b":2}]`: false,
	} {
		if _, err := parsePipeline(text); (err == nil) != ok || err != nil && !errors.Is(err, ErrPipeline) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestURIs(t *testing.T) {
	server, path, query, err := split("mongodb://u:p%40@a:1,b:2/db.c.d?tls=true")
	if err != nil || server != "mongodb://u:p%40@a:1,b:2" || path != "db.c.d" || query != "tls=true" || without(server) != "mongodb://a:1,b:2" {
		t.Errorf("%q %q %q %v", server, path, query, err)
	}
	for _, bad := range []string{"", "mongodb:///db", "http://x/db", "mongodb://"} {
		if _, _, _, err := split(bad); !errors.Is(err, ErrURI) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
