package format

import (
	"bytes"
	"strings"

	"weir/internal/event"
)

var zeekJSON = Format{
	Name:  "zeek-json",
	Title: "Zeek logs as JSON lines: conn, dns, http, ssl and all other streams, also many in one file",
	Fields: []string{
		"source.ip", "source.port", "destination.ip", "destination.port", "network.transport", "network.protocol",
		"source.bytes", "destination.bytes", "event.duration", "http.request.method", "url.domain", "url.path",
		"url.query", "user_agent.original", "http.response.status_code", "dns.question.name", "dns.question.type",
		"dns.answers.data", "tls.client.server_name", "tls.version", "zeek.*",
	},
	Example: `{"ts":1331914651.55,"uid":"CeMWX7","id.orig_h":"192.0.2.7","id.orig_p":1398,"id.resp_h":"198.51.100.4","id.resp_p":80,"proto":"tcp","conn_state":"SF"}`,
	Score:   scoreZeekJSON,
	New: func(_ [][]byte, o Options, keys *event.Keys) (Decoder, error) {
		return newZeekJSON(zeekPathFromName(o.Name), o, keys), nil
	},
}

// A zeekJSONDecoder reads records of any stream. What a field is called may depend on the stream, which the record
// names (_path, @stream), or else the file's name, or else the fields that the record has. The decoder reads with the
// names of the stream that came last, and once more in the rare case that the record then turns out to be of another.
type zeekJSONDecoder struct {
	filePath string
	o        Options
	keys     *event.Keys
	streams  map[string]*zeekStream
	last     *zeekStream
}

// A zeekStream is what a decoder knows about one stream.
type zeekStream struct {
	path    string
	dataset string
	walker  *jsonWalker
}

// maxZeekPaths bounds the streams that a decoder keeps.
const maxZeekPaths = 256

func newZeekJSON(filePath string, o Options, keys *event.Keys) *zeekJSONDecoder {
	d := &zeekJSONDecoder{filePath: filePath, o: o, keys: keys, streams: make(map[string]*zeekStream)}
	d.last = d.stream([]byte(filePath))
	return d
}

func (d *zeekJSONDecoder) stream(path []byte) *zeekStream {
	if s, ok := d.streams[string(path)]; ok {
		return s
	}
	return d.addStream(string(path))
}

func (d *zeekJSONDecoder) addStream(path string) *zeekStream {
	s := &zeekStream{path: path, dataset: zeekDataset(path)}
	s.walker = newJSONWalker(d.keys, func(dotted string) fieldUse { return zeekUse(path, dotted) })
	if len(d.streams) < maxZeekPaths { // others are made again for every record: how one is read depends on it alone
		d.streams[path] = s
	}
	return s
}

// zeekDataset returns zeek.<path>, or zeek where the path is not known.
func zeekDataset(path string) string {
	if path == "" {
		return "zeek"
	}
	return "zeek." + path
}

func (d *zeekJSONDecoder) Stateful([]byte, int64) bool { return false }

// StateMark says that no line but perhaps the first is stateful.
func (d *zeekJSONDecoder) StateMark() byte { return 0 }

func (d *zeekJSONDecoder) Fork(keys *event.Keys) Decoder { return newZeekJSON(d.filePath, d.o, keys) }

func (d *zeekJSONDecoder) Decode(line []byte, e *event.Event) error {
	e.Reset()
	if len(bytes.TrimSpace(line)) == 0 {
		return ErrSkip
	}
	s := d.last
	if fault := s.walker.walk(line, e); fault != nil {
		return fault
	}
	if real := d.streamOf(s.walker); real != s {
		e.Reset()
		if fault := real.walker.walk(line, e); fault != nil {
			return fault
		}
		s, d.last = real, real
	}
	e.Dataset = s.dataset
	s.walker.stamp(e, d.parseTime)
	if !e.HasTime {
		d.stampFromStream(e)
	}
	return nil
}

// streamOf returns the stream of the record that w has just read.
func (d *zeekJSONDecoder) streamOf(w *jsonWalker) *zeekStream {
	switch {
	case w.dataset != nil:
		if len(w.dataset) > event.MaxKeyLen {
			return d.stream(nil)
		}
		return d.stream(w.dataset)
	case d.filePath != "":
		return d.stream([]byte(d.filePath))
	}
	return d.stream([]byte(zeekPathFromHints(w.hints)))
}

// parseTime reads ts: a number is an epoch, however small; text is any written time.
func (d *zeekJSONDecoder) parseTime(s []byte) (int64, bool) {
	if ns, ok := ParseEpoch(s); ok {
		return ns, true
	}
	return d.o.time(s)
}

// stampFromStream takes the time that shippers add to records which have no ts of their own.
func (d *zeekJSONDecoder) stampFromStream(e *event.Event) {
	for i := range e.Fields {
		if e.Fields[i].Key.Name == "zeek.@timestamp" {
			e.Time, e.HasTime = d.o.time(e.Fields[i].Value)
			return
		}
	}
}

// scoreZeekJSON counts the lines that are JSON objects and Zeek's: they name their stream, or have the fields of one;
// of streams that have no telling field, the file's name and a ts will do.
func scoreZeekJSON(sample [][]byte, o Options) (float64, string) {
	named := zeekPathFromName(o.Name)
	telling := zeekHasSignature(named)
	d := newZeekJSON("", o, event.NewKeys())
	return scoreDecoding(sample, func(line []byte, e *event.Event) error {
		if err := d.Decode(line, e); err != nil {
			return err
		}
		w := d.last.walker
		hasZeekID := e.Get("zeek.uid") != nil && e.Get("source.ip") != nil
		switch {
		case w.dataset != nil, zeekPathFromHints(w.hints) != "" && w.time != nil, hasZeekID,
			named != "" && !telling && w.time != nil:
			return nil
		}
		return errNotZeek
	})
}

var errNotZeek = &Malformed{Reason: "JSON without the fields of a Zeek stream"}

// zeekHasSignature reports whether records of a stream can be told by their fields.
func zeekHasSignature(path string) bool {
	path = strings.TrimPrefix(path, "open_")
	for _, s := range zeekSignatures {
		if s.path == path {
			return true
		}
	}
	return false
}
