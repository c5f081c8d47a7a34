package table

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Bounds of what a file says of itself.
const (
	maxFooter  = 64 << 20
	maxNodes   = 1 << 15 // names in the schema
	maxNesting = 100
)

// Why a file is no table.
var (
	errCutOff    = errors.New("it is a Parquet file without its end: it was cut off, or is still being written")
	errEncrypted = errors.New("it is an encrypted Parquet file; decrypt it first")
	errSegment   = errors.New("it is a segment of a weir lake, whose columns are no records; read the lake: --lake DIR")
)

// readFooter reads what a file says of itself, and returns a name that is of these bytes and the file's size.
func readFooter(r io.ReaderAt, size int64) (*format.FileMetaData, string, error) {
	var tail [8]byte
	if size < int64(len(magic)+len(tail)) {
		return nil, "", errCutOff
	}
	if _, err := r.ReadAt(tail[:], size-8); err != nil && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	switch string(tail[4:]) {
	case magic:
	case magicEncrypted:
		return nil, "", errEncrypted
	default:
		return nil, "", errCutOff
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	switch {
	case n > size-int64(len(magic)+len(tail)):
		return nil, "", errCutOff
	case n > maxFooter:
		return nil, "", fmt.Errorf("its description has more than %d MiB", maxFooter>>20)
	}
	b := make([]byte, n)
	if got, err := r.ReadAt(b, size-8-n); got < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = errCutOff
		}
		return nil, "", err
	}
	end, err := structSize(b)
	if err != nil {
		return nil, "", err
	}
	m := &format.FileMetaData{}
	var p thrift.CompactProtocol
	if err := thrift.Unmarshal(&p, b[:end], m); err != nil { // a signature may follow
		return nil, "", fmt.Errorf("its description is damaged: %w", err)
	}
	if m.EncryptionAlgorithm.Value != nil {
		return nil, "", errEncrypted
	}
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64(b, uint64(size)))
	return m, hex.EncodeToString(sum[:16]), nil
}

// What a node of the schema is written as.
type shape uint8

const (
	isLeaf shape = iota
	isGroup
	isList
	isMap
)

// A node is a column of the schema, or a group of them.
type node struct {
	name     []byte // as a JSON string with a colon
	plain    string
	shape    shape
	optional bool
	repeated bool
	rep, def int // levels of a value that is there
	lo, hi   int // its leaves
	kids     []*node
	element  *node // of a list: what stands in it, which may be kids[0] itself; of a map: the values, nil where there are none
}

// A schema makes nodes.
type schema struct {
	elements []format.SchemaElement
	next     int
	leaves   []*column
	limit    int
}

// newSchema returns the top of the schema, and its leaves in their order.
func newSchema(m *format.FileMetaData, limit int) (*node, []*column, error) {
	s := &schema{elements: m.Schema, limit: limit}
	switch {
	case len(s.elements) == 0 || s.elements[0].Type.Valid:
		return nil, nil, errStruct
	case len(s.elements) > maxNodes:
		return nil, nil, fmt.Errorf("it has more than %d columns", maxNodes)
	}
	top, err := s.node(0, 0, nil)
	if err != nil {
		return nil, nil, err
	}
	if s.next != len(s.elements) {
		return nil, nil, errStruct
	}
	if len(s.leaves) == 0 {
		return nil, nil, errors.New("it is a Parquet file without columns")
	}
	return top, s.leaves, nil
}

func (s *schema) node(rep, def int, path []string) (*node, error) {
	if s.next >= len(s.elements) {
		return nil, errStruct
	}
	if len(path) > maxNesting {
		return nil, fmt.Errorf("its columns are nested more than %d deep", maxNesting)
	}
	e := &s.elements[s.next]
	s.next++
	n := &node{plain: e.Name, lo: len(s.leaves)}
	n.name = append(appendString(nil, []byte(strings.ToValidUTF8(e.Name, "\ufffd"))), ':')
	if s.next > 1 { // the top has no say
		n.optional = e.RepetitionType.Valid && e.RepetitionType.V == format.Optional
		n.repeated = e.RepetitionType.Valid && e.RepetitionType.V == format.Repeated
		path = append(path, e.Name)
	}
	if n.repeated {
		rep++
	}
	if n.repeated || n.optional {
		def++
	}
	n.rep, n.def = rep, def
	if e.Type.Valid {
		return n, s.leaf(n, e, path)
	}
	n.shape = isGroup
	kids := int(e.NumChildren.V)
	if kids < 0 || kids > len(s.elements)-s.next {
		return nil, errStruct
	}
	for range kids {
		k, err := s.node(rep, def, path)
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, k)
	}
	n.hi = len(s.leaves)
	n.nest(e)
	return n, nil
}

func (s *schema) leaf(n *node, e *format.SchemaElement, path []string) error {
	c := &column{name: nameOf(path), kind: e.Type.V, maxRep: n.rep, maxDef: n.def, append: textOf(e), limit: s.limit}
	if c.kind < format.Boolean || c.kind > format.FixedLenByteArray {
		return c.wrong(errors.New("it has a type that weir does not know"))
	}
	c.width = widthOf(c.kind, int(e.TypeLength.V))
	if c.kind == format.FixedLenByteArray && (c.width <= 0 || c.width > maxPage) {
		return c.wrong(fmt.Errorf("its values cannot have %d bytes", c.width))
	}
	s.leaves = append(s.leaves, c)
	n.hi = len(s.leaves)
	return nil
}

// nameOf is what people are told of a column: not all of a name that is made up to be long.
func nameOf(path []string) string {
	const most = 100
	var b strings.Builder
	for i, p := range path {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(p[:min(len(p), most)])
		if b.Len() > most {
			return b.String()[:most] + "…"
		}
	}
	return b.String()
}

// nest finds out whether a group is a list or a map, as the format's document LogicalTypes tells, that of old writers too.
func (n *node) nest(e *format.SchemaElement) {
	if len(n.kids) != 1 || !n.kids[0].repeated || n.repeated {
		return
	}
	r := n.kids[0]
	old := e.ConvertedType
	_, list := e.LogicalType.Value.(*format.ListType)
	_, pairs := e.LogicalType.Value.(*format.MapType)
	switch {
	case list || old.Valid && old.V == deprecated.List:
		n.shape, n.element = isList, r
		if r.shape == isGroup && len(r.kids) == 1 && r.plain != "array" && r.plain != n.plain+"_tuple" {
			n.element = r.kids[0]
		}
	case pairs || old.Valid && (old.V == deprecated.Map || old.V == deprecated.MapKeyValue):
		if r.shape == isGroup && len(r.kids) > 0 && len(r.kids) <= 2 && r.kids[0].shape == isLeaf && !r.kids[0].repeated {
			n.shape = isMap
			if len(r.kids) == 2 {
				n.element = r.kids[1]
			}
		}
	}
}

// logColumns are names of a column that holds lines of a text log: what Spark's reader of text calls it, and others.
var logColumns = []string{"value", "line", "message", "raw", "_raw", "text", "log"}

// isLog reports whether a table is a text log: its only column is text, under one of these names.
func isLog(top *node, leaves []*column) bool {
	return len(top.kids) == 1 && top.kids[0].shape == isLeaf && !top.kids[0].repeated && leaves[0].kind == format.ByteArray &&
		slices.Contains(logColumns, strings.ToLower(top.kids[0].plain))
}

// isSegment reports whether a file is part of a lake.
func isSegment(m *format.FileMetaData) bool {
	return slices.ContainsFunc(m.KeyValueMetadata, func(kv format.KeyValue) bool { return kv.Key == "weir.lake" })
}
