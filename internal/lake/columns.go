package lake

import (
	"bytes"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// A column is a field that has a column of its own. Others are in the map.
type column struct {
	field  string // as events name it
	name   string // in the file
	number bool   // INT64; a value that is not written as one ("007", "-", "1e3") goes into the map
}

// columns are the fields with columns of their own, in the order of the table in docs/lake.md. They are part of the
// format: a change is a new version.
var columns = makeColumns(
	"source.ip", "source.port#", "source.domain", "source.bytes#", "source.packets#", "source.user.name",
	"destination.ip", "destination.port#", "destination.bytes#", "destination.packets#",
	"network.transport", "network.protocol", "host.name", "user.name", "process.name", "process.pid#",
	"event.action", "event.outcome", "event.duration", "event.severity", "log.level", "message",
	"rule.name", "rule.category", "error.code",
	"http.request.method", "http.request.referrer", "http.response.status_code#", "http.response.body.bytes#", "http.version",
	"url.domain", "url.path", "url.query", "user_agent.original",
	"dns.question.name", "dns.question.type", "dns.answers.data", "dns.response_code",
	"tls.client.server_name", "tls.version", "tls.cipher", "file.name",
	"email.from.address", "email.to.address", "email.subject",
	"zeek.conn_state", "zeek.history",
)

func makeColumns(fields ...string) []column {
	var out []column
	for _, f := range fields {
		field, number := strings.CutSuffix(f, "#")
		out = append(out, column{field: field, name: strings.ReplaceAll(field, ".", "_"), number: number})
	}
	return out
}

// columnOf is the index of a field's column.
var columnOf = func() map[string]int {
	m := map[string]int{}
	for i, c := range columns {
		m[c.field] = i
	}
	return m
}()

// plainText are columns whose values hardly ever come again, so a dictionary would not pay.
var plainText = map[string]bool{"message": true, "event.duration": true, "url.query": true}

// identifiers are fields that name a record, a connection or a file and nothing else: many random characters each, most of them new.
// They are in a map of their own, since they compress as what they are only where nothing else is in between. They are part of
// the format, as columns are.
var identifiers = map[string]bool{"event.id": true, "network.community_id": true, "http.request.id": true, "trace.id": true, "transaction.id": true,
	"span.id": true, "zeek.uid": true, "zeek.uids": true, "zeek.fuid": true, "zeek.id": true, "zeek.tunnel_parents": true, "suricata.flow_id": true}

// identifier reports whether a field's values are in the map of identifiers.
func identifier(name string) bool {
	if identifiers[name] {
		return true
	}
	if !strings.HasPrefix(name, "zeek.") {
		return false
	}
	return strings.HasSuffix(name, "fuid") || strings.HasSuffix(name, "fuids") || strings.HasSuffix(name, "_uids")
}

// plainNumbers are columns of numbers that mostly come a few times in a row and not again: without a dictionary the codec sees that.
var plainNumbers = map[string]bool{"source.port": true}

// eventSchema is the schema of a segment.
var eventSchema = func() *parquet.Schema {
	text := func() parquet.Node { return parquet.Encoded(parquet.String(), &parquet.RLEDictionary) }
	long := func() parquet.Node { return parquet.Encoded(parquet.String(), &parquet.DeltaLengthByteArray) }
	bin := func() parquet.Node {
		return parquet.Encoded(parquet.Leaf(parquet.ByteArrayType), &parquet.DeltaLengthByteArray)
	}
	group := parquet.Group{
		"time":      parquet.Optional(parquet.Encoded(parquet.Timestamp(parquet.Nanosecond), &parquet.DeltaBinaryPacked)),
		"dataset":   text(),
		"file":      text(),
		"line":      parquet.Encoded(parquet.Int(64), &parquet.DeltaBinaryPacked),
		"source_id": parquet.Encoded(parquet.Int(64), &parquet.RLEDictionary),
		"layout":    text(),
		"fields":    parquet.Map(text(), long()),
		"ids":       parquet.Map(text(), long()),
		"blobs":     parquet.List(bin()),
		"raw":       parquet.Optional(long()),
		"raw_bytes": parquet.Optional(bin()),

		"raw_template": parquet.Optional(text()),
		"raw_digits":   parquet.Optional(long()),
	}
	for _, c := range columns {
		switch {
		case c.number && plainNumbers[c.field]:
			group[c.name] = parquet.Optional(parquet.Encoded(parquet.Int(64), &parquet.Plain))
		case c.number:
			group[c.name] = parquet.Optional(parquet.Encoded(parquet.Int(64), &parquet.RLEDictionary))
		case plainText[c.field]:
			group[c.name] = parquet.Optional(long())
		default:
			group[c.name] = parquet.Optional(text())
		}
	}
	return parquet.NewSchema("event", group)
}()

// leaf returns the number of a leaf column.
func leaf(s *parquet.Schema, path ...string) int {
	c, ok := s.Lookup(path...)
	if !ok {
		panic("BUG: no column " + strings.Join(path, "."))
	}
	return c.ColumnIndex
}

// leaves are the numbers of a segment's columns in its file.
var leaves = struct {
	time, dataset, file, line, source, layout, key, value, idKey, id, binary, raw, rawBytes, template, digits int
	fields                                                                                                    []int // like columns
	all                                                                                                       int
}{
	time: leaf(eventSchema, "time"), dataset: leaf(eventSchema, "dataset"), file: leaf(eventSchema, "file"),
	line: leaf(eventSchema, "line"), source: leaf(eventSchema, "source_id"), layout: leaf(eventSchema, "layout"),
	key: leaf(eventSchema, "fields", "key_value", "key"), value: leaf(eventSchema, "fields", "key_value", "value"),
	idKey: leaf(eventSchema, "ids", "key_value", "key"), id: leaf(eventSchema, "ids", "key_value", "value"),
	binary: leaf(eventSchema, "blobs", "list", "element"),
	raw:    leaf(eventSchema, "raw"), rawBytes: leaf(eventSchema, "raw_bytes"),
	template: leaf(eventSchema, "raw_template"), digits: leaf(eventSchema, "raw_digits"),
	fields: func() (out []int) {
		for _, c := range columns {
			out = append(out, leaf(eventSchema, c.name))
		}
		return out
	}(),
	all: len(eventSchema.Columns()),
}

// parseNumber returns the number that value is the only way to write.
func parseNumber(value []byte) (n int64, ok bool) {
	if len(value) == 0 || len(value) > 18 || value[0] == '0' && len(value) > 1 {
		return 0, false
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// endsLikeIndex reports whether a field's name could be taken for the n-th value of a list.
func endsLikeIndex(name []byte) bool {
	i := bytes.LastIndexByte(name, '[')
	return i >= 0 && name[len(name)-1] == ']'
}
