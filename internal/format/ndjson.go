package format

import (
	"bytes"
	"slices"
	"strings"

	"weir/internal/event"
)

var ndjson = Format{
	Name:    "ndjson",
	Title:   "any other log with one JSON object per line; nested names are joined with dots",
	Fields:  []string{"source.ip", "host.name", "user.name", "message", "url.path", "http.request.method", "…"},
	Example: `{"time":"2024-05-01T12:00:00Z","level":"warn","msg":"login failed","user":"root","remote_addr":"192.0.2.7"}`,
	Score:   scoreNDJSON,
	New: func(sample [][]byte, o Options, keys *event.Keys) (Decoder, error) {
		d := newNDJSON(findJSONTime(sample, o), o, keys)
		d.ocsf = looksOCSF(sample)
		return d, nil
	},
}

// jsonTimeNames are names of fields that hold the time of a record, in lower case, the most trustworthy first. The name
// of a nested field is its last part.
var jsonTimeNames = []string{
	"@timestamp", "timestamp", "eventtime", "event_time", "time_iso8601", "time_local", "time", "datetime",
	"date_time", "ts", "_time", "__realtime_timestamp", "_source_realtime_timestamp", "systemtime", "utctime",
	"timecreated", "time_created", "timegenerated", "creationtime", "createdat", "created_at", "created", "date",
	"logged_at", "log_time", "logtime", "asctime", "starttime", "start_time", "start", "stime", "t", "when", "$date",
	"epoch", "unixtime",
}

var jsonTimeRank = func() map[string]int {
	m := make(map[string]int)
	for i, name := range jsonTimeNames {
		m[name] = i
	}
	return m
}()

type ndjsonDecoder struct {
	o      Options
	time   string // dotted name of the field with the time; empty if there is none
	ocsf   bool   // records are of the Open Cybersecurity Schema Framework
	walker *jsonWalker
}

func newNDJSON(timeField string, o Options, keys *event.Keys) *ndjsonDecoder {
	d := &ndjsonDecoder{o: o, time: timeField}
	d.walker = newJSONWalker(keys, d.use)
	return d
}

func (d *ndjsonDecoder) use(dotted string) fieldUse {
	use := fieldUse{name: ecsName(dotted)}
	switch {
	case d.ocsf && (dotted == "status" || dotted == "status_code"): // how whatever was done went; http_response.code is HTTP's
		use.name = dotted
	case dotted == d.time:
		use.role = roleTime
	case use.name == "url.path" && dotted != "url.path":
		use.role = roleURL
	}
	return use
}

func (d *ndjsonDecoder) Stateful([]byte, int64) bool { return false }

// StateMark says that no line but perhaps the first is stateful.
func (d *ndjsonDecoder) StateMark() byte { return 0 }

func (d *ndjsonDecoder) Fork(keys *event.Keys) Decoder {
	fork := newNDJSON(d.time, d.o, keys)
	fork.ocsf = d.ocsf
	return fork
}

func (d *ndjsonDecoder) Decode(line []byte, e *event.Event) error {
	e.Reset()
	if len(bytes.TrimSpace(line)) == 0 {
		return ErrSkip
	}
	if fault := d.walker.walk(line, e); fault != nil {
		return fault
	}
	e.Dataset = "json"
	d.walker.stamp(e, func(s []byte) (int64, bool) { return d.o.time(s) })
	return nil
}

// findJSONTime returns the field of the sample that holds the time: it has a likely name, and most of its values can be
// read as a time. Of several the most trustworthy name wins, then the less deeply nested one.
func findJSONTime(sample [][]byte, o Options) string {
	type candidate struct{ readable, all int }
	found := make(map[string]*candidate)
	names := newJSONWalker(event.NewKeys(), func(dotted string) fieldUse { return fieldUse{name: dotted} })
	var e event.Event
	for _, line := range sample {
		e.Reset()
		if names.walk(line, &e) != nil {
			continue
		}
		for _, f := range e.Fields {
			name := f.Key.Name
			if _, ok := jsonTimeRank[lastPart(name)]; !ok {
				continue
			}
			if found[name] == nil {
				found[name] = &candidate{}
			}
			found[name].all++
			if _, ok := o.time(f.Value); ok {
				found[name].readable++
			}
		}
	}
	best := ""
	for name, c := range found {
		if 2*c.readable > c.all && (best == "" || moreTrusted(name, best)) {
			best = name
		}
	}
	return best
}

// looksOCSF reports whether most records of a sample have the field class_uid, which all of OCSF have.
func looksOCSF(sample [][]byte) bool {
	names := newJSONWalker(event.NewKeys(), func(dotted string) fieldUse { return fieldUse{name: dotted} })
	var e event.Event
	records, classes := 0, 0
	for _, line := range sample {
		e.Reset()
		if names.walk(line, &e) != nil {
			continue
		}
		records++
		if slices.ContainsFunc(e.Fields, func(f event.Field) bool { return f.Key.Name == "class_uid" }) {
			classes++
		}
	}
	return 2*classes > records
}

// moreTrusted orders names of time fields, all of them apart.
func moreTrusted(a, b string) bool {
	if ra, rb := jsonTimeRank[lastPart(a)], jsonTimeRank[lastPart(b)]; ra != rb {
		return ra < rb
	}
	if na, nb := strings.Count(a, "."), strings.Count(b, "."); na != nb {
		return na < nb
	}
	return a < b
}

func lastPart(dotted string) string {
	return lowerASCII(dotted[strings.LastIndexByte(dotted, '.')+1:])
}

// scoreNDJSON stays below what formats give that know more of the record than that it is JSON, so that they win also
// where a few lines are not theirs.
func scoreNDJSON(sample [][]byte, o Options) (float64, string) {
	score, reason := scoreDecoding(sample, newNDJSON("", o, event.NewKeys()).Decode)
	return 0.75 * score, reason
}
