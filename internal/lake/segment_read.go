package lake

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"weir/internal/count"
	"weir/internal/event"
)

// A cursor walks over the values of one column of a row group, page by page, without those that are null. It reads the
// pages' memory and the dictionary's, and makes no values of its own.
type cursor struct {
	pages   parquet.Pages
	page    parquet.Page
	before  parquet.Page // kept for one page more: an event may hold a value of it
	number  bool
	at, end int
	index   []int32 // into the dictionary; nil where the page has none
	ints    []int64
	data    []byte
	offsets []uint32
}

func newCursor(c parquet.ColumnChunk, number bool) *cursor {
	return &cursor{pages: c.Pages(), number: number}
}

func (c *cursor) close() {
	for _, p := range []parquet.Page{c.page, c.before} {
		if p != nil {
			parquet.Release(p)
		}
	}
	_ = c.pages.Close() // it was only read
}

var errShort = errors.New("a column is shorter than its rows")

// fill goes to the next page that has a value.
func (c *cursor) fill() error {
	for c.at >= c.end {
		if c.before != nil {
			parquet.Release(c.before)
		}
		c.before, c.page = c.page, nil
		page, err := c.pages.ReadPage()
		if err == io.EOF {
			return errShort
		}
		if err != nil {
			return err
		}
		c.page, c.at, c.index = page, 0, nil
		data := page.Data()
		if d := page.Dictionary(); d != nil {
			c.index = data.Int32()
			c.end = len(c.index)
			data = d.Page().Data()
		}
		if c.number {
			c.ints = data.Int64()
			if c.index == nil {
				c.end = len(c.ints)
			}
			continue
		}
		c.data, c.offsets = data.ByteArray()
		if c.index == nil {
			c.end = max(0, len(c.offsets)-1)
		}
	}
	return nil
}

// slot returns where the next value is among those of the page, or of its dictionary.
func (c *cursor) slot(limit func() int) (int, error) {
	if c.at >= c.end {
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	i := c.at
	if c.index != nil {
		i = int(c.index[i])
	}
	if i < 0 || i >= limit() {
		return 0, errors.New("an index is outside its dictionary")
	}
	c.at++
	return i, nil
}

// bytes returns the next value of a column of text or bytes, valid for the row that is being read.
func (c *cursor) bytes() ([]byte, error) {
	i, err := c.slot(func() int { return len(c.offsets) - 1 })
	if err != nil {
		return nil, err
	}
	from, to := c.offsets[i], c.offsets[i+1]
	if from > to || int(to) > len(c.data) {
		return nil, errors.New("a value is outside its page")
	}
	return c.data[from:to:to], nil
}

func (c *cursor) int() (int64, error) {
	i, err := c.slot(func() int { return len(c.ints) })
	if err != nil {
		return 0, err
	}
	return c.ints[i], nil
}

// A stored event is what a reader gives of one row. Everything in it is valid during the call only.
type stored struct {
	*event.Event
	source int64
	line   int64
	raw    []byte // nil if it was not kept
}

// A segmentReader gives the events of segments, one after another, to one goroutine.
type segmentReader struct {
	keys    *event.Keys
	layouts map[string]*readLayout
	sets    map[string]string
	e       event.Event
	line    []byte
}

type readLayout struct {
	layout
	keys []*event.Key
}

// maxLayouts bounds what a reader keeps of them.
const maxLayouts = 1 << 16

func newSegmentReader(keys *event.Keys) *segmentReader {
	return &segmentReader{keys: keys, layouts: map[string]*readLayout{}, sets: map[string]string{}}
}

// damaged says which file is, and how.
func damaged(path string, err error) error {
	return fmt.Errorf("%w: %q: %w; 'weir verify' says how much of it", ErrSegment, path, err)
}

// openParquet opens a file of the lake.
func openParquet(full string) (*os.File, *parquet.File, error) {
	f, err := os.Open(full)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, gone(full)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read %q: %w", full, pathError(err))
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("cannot read %q: %w", full, pathError(err))
	}
	p, err := openFooter(f, info.Size())
	if err != nil {
		f.Close()
		return nil, nil, damaged(full, err)
	}
	return f, p, nil
}

// gone says that a file is not there.
func gone(full string) error {
	return fmt.Errorf("%w: %q %w; if the lake was being compacted, run again", ErrSegment, full, ErrGone)
}

// openFooter reads what a file says of itself. The library panics on some damaged ones.
func openFooter(f io.ReaderAt, size int64) (p *parquet.File, err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("%v", x)
		}
	}()
	return parquet.OpenFile(f, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(1<<18))
}

// read calls f with each event of a segment, in its order, until f returns an error.
func (r *segmentReader) read(full string, withRaw bool, f func(*stored) error) (err error) {
	return r.readGroups(full, withRaw, nil, f)
}

// readTimes calls f with the events in some windows, both ends included, and perhaps with others; nil is with all. Of row groups
// that have no event in a window only the statistics are read.
func (r *segmentReader) readTimes(full string, windows [][2]int64, f func(*stored) error) (err error) {
	if windows == nil {
		return r.readGroups(full, false, nil, f)
	}
	last := int64(math.MinInt64)
	for _, w := range windows {
		last = max(last, w[1])
	}
	wanted := func(g *format.RowGroup) bool {
		s := g.Columns[leaves.time].MetaData.Statistics
		if len(s.MinValue) != 8 || len(s.MaxValue) != 8 {
			return true
		}
		from, to := int64(binary.LittleEndian.Uint64(s.MinValue)), int64(binary.LittleEndian.Uint64(s.MaxValue))
		return slices.ContainsFunc(windows, func(w [2]int64) bool { return w[0] <= to && from <= w[1] })
	}
	return r.readGroups(full, false, wanted, func(e *stored) error {
		if !e.HasTime {
			return nil
		}
		if e.Time > last {
			return ErrEnough // they are sorted by time
		}
		if slices.ContainsFunc(windows, func(w [2]int64) bool { return w[0] <= e.Time && e.Time <= w[1] }) {
			return f(e)
		}
		return nil
	})
}

// ErrEnough, from a function that is called with events, ends reading without an error.
var ErrEnough = errors.New("enough")

// readGroups reads the row groups that wanted names.
func (r *segmentReader) readGroups(full string, withRaw bool, wanted func(*format.RowGroup) bool, f func(*stored) error) (err error) {
	file, p, err := openParquet(full)
	if err != nil {
		return err
	}
	defer file.Close()
	return r.readOpen(full, p, withRaw, wanted, f)
}

// readOpen is readGroups of a file that is open.
func (r *segmentReader) readOpen(full string, p *parquet.File, withRaw bool, wanted func(*format.RowGroup) bool, f func(*stored) error) (err error) {
	defer func() { // the library panics on some damaged files
		if x := recover(); x != nil {
			err = damaged(full, fmt.Errorf("%v", x))
		}
	}()
	if !parquet.SameNodes(p.Schema(), eventSchema) {
		return damaged(full, errors.New("its columns are not those of a segment"))
	}
	var stop error
	for i, g := range p.RowGroups() {
		if wanted != nil && !wanted(&p.Metadata().RowGroups[i]) {
			continue
		}
		err := r.group(g, withRaw, func(s *stored) error {
			stop = f(s)
			return stop
		})
		if stop == ErrEnough {
			return nil
		}
		if err != nil {
			if stop != nil {
				return stop
			}
			return damaged(full, err)
		}
	}
	return nil
}

// A groupCursors is the open columns of a row group.
type groupCursors struct {
	time, dataset, line, source, layout, value, id, binary, raw, rawBytes, template, digits *cursor
	fields                                                                                  []*cursor
	all                                                                                     []*cursor
}

func openGroup(g parquet.RowGroup) *groupCursors {
	chunks := g.ColumnChunks()
	c := &groupCursors{}
	open := func(leaf int, number bool) *cursor {
		x := newCursor(chunks[leaf], number)
		c.all = append(c.all, x)
		return x
	}
	c.time, c.line, c.source = open(leaves.time, true), open(leaves.line, true), open(leaves.source, true)
	c.dataset, c.layout, c.value = open(leaves.dataset, false), open(leaves.layout, false), open(leaves.value, false)
	c.id = open(leaves.id, false)
	c.binary, c.raw, c.rawBytes = open(leaves.binary, false), open(leaves.raw, false), open(leaves.rawBytes, false)
	c.template, c.digits = open(leaves.template, false), open(leaves.digits, false)
	for i, l := range leaves.fields {
		c.fields = append(c.fields, open(l, columns[i].number))
	}
	return c
}

func (r *segmentReader) group(g parquet.RowGroup, withRaw bool, f func(*stored) error) error {
	c := openGroup(g)
	defer func() {
		for _, x := range c.all {
			x.close()
		}
	}()
	for range g.NumRows() {
		s, err := r.row(c, withRaw)
		if err != nil {
			return err
		}
		if err := f(s); err != nil {
			return err
		}
	}
	return nil
}

// row reads the next row into r.e.
func (r *segmentReader) row(c *groupCursors, withRaw bool) (*stored, error) {
	text, err := c.layout.bytes()
	if err != nil {
		return nil, err
	}
	l, err := r.layoutOf(text)
	if err != nil {
		return nil, err
	}
	e := &r.e
	e.Reset()
	s := &stored{Event: e}
	if s.line, err = c.line.int(); err != nil {
		return nil, err
	}
	if s.source, err = c.source.int(); err != nil {
		return nil, err
	}
	set, err := c.dataset.bytes()
	if err != nil {
		return nil, err
	}
	e.Dataset = r.setOf(set)
	if e.HasTime = l.timed; l.timed {
		if e.Time, err = c.time.int(); err != nil {
			return nil, err
		}
	}
	if err := r.fields(c, l); err != nil {
		return nil, err
	}
	switch {
	case !withRaw:
	case l.raw:
		s.raw, err = c.raw.bytes()
	case l.rawBytes:
		s.raw, err = c.rawBytes.bytes()
	case l.pieces:
		s.raw, err = r.join(c)
	}
	return s, err
}

// join puts a line together again.
func (r *segmentReader) join(c *groupCursors) ([]byte, error) {
	template, err := c.template.bytes()
	if err != nil {
		return nil, err
	}
	digits, err := c.digits.bytes()
	if err != nil {
		return nil, err
	}
	var ok bool
	if r.line, ok = appendJoined(r.line[:0], r.e.Fields, template, digits); !ok {
		return nil, errors.New("the pieces of a line do not fit its values")
	}
	return r.line, nil
}

func (r *segmentReader) fields(c *groupCursors, l *readLayout) error {
	e := &r.e
	for i := range l.fields {
		var v []byte
		var err error
		switch f := &l.fields[i]; f.place {
		case inColumn:
			v, err = r.columnValue(c.fields[f.column], columns[f.column].number)
		case inMap:
			v, err = c.value.bytes()
		case inIDs:
			v, err = c.id.bytes()
		default:
			v, err = c.binary.bytes()
		}
		if err != nil {
			return err
		}
		e.Fields = append(e.Fields, event.Field{Key: l.keys[i], Value: v})
	}
	return nil
}

// columnValue returns the next value of a column as the log had it.
func (r *segmentReader) columnValue(c *cursor, number bool) ([]byte, error) {
	if !number {
		return c.bytes()
	}
	n, err := c.int()
	if err != nil {
		return nil, err
	}
	if n < 0 || n == math.MaxInt64 {
		return nil, errors.New("a number is below zero")
	}
	start := len(r.e.Scratch)
	r.e.Scratch = strconv.AppendInt(r.e.Scratch, n, 10)
	return r.e.Scratch[start:len(r.e.Scratch):len(r.e.Scratch)], nil
}

func (r *segmentReader) setOf(name []byte) string {
	if s, ok := r.sets[string(name)]; ok {
		return s
	}
	s := string(name)
	if len(r.sets) < maxLayouts {
		r.sets[s] = s
	}
	return s
}

func (r *segmentReader) layoutOf(text []byte) (*readLayout, error) {
	if l, ok := r.layouts[string(text)]; ok {
		return l, nil
	}
	parsed, ok := parseLayout(string(text))
	if !ok {
		return nil, fmt.Errorf("the layout %.80q cannot be read", text)
	}
	l := &readLayout{layout: parsed}
	for _, f := range parsed.fields {
		l.keys = append(l.keys, r.keys.Get(f.name))
	}
	if len(r.layouts) >= maxLayouts {
		clear(r.layouts)
	}
	r.layouts[string(text)] = l
	return l, nil
}

// readTally adds the counts of a file to t.
func readTally(full string, t *count.Tally) (err error) {
	file, p, err := openParquet(full)
	if err != nil {
		return err
	}
	defer file.Close()
	defer func() {
		if x := recover(); x != nil {
			err = damaged(full, fmt.Errorf("%v", x))
		}
	}()
	want := parquet.SchemaOf(countsRow{})
	if !parquet.SameNodes(p.Schema(), want) {
		return damaged(full, errors.New("its columns are not those of counts"))
	}
	r := parquet.NewGenericReader[countsRow](file)
	defer r.Close()
	buf := make([]countsRow, 4096)
	for {
		n, err := r.Read(buf)
		for i := range buf[:n] {
			if e := addCount(t, &buf[i]); e != nil {
				return damaged(full, e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return damaged(full, err)
		}
	}
}

func addCount(t *count.Tally, c *countsRow) error {
	if c.Hour < 0 || c.Hour > count.Untimed {
		return fmt.Errorf("there is no hour %d", c.Hour)
	}
	if c.Field == nil {
		t.Events[c.Hour] += c.N
		return nil
	}
	t.Field(*c.Field).Add(c.Token, c.Part, int(c.Hour), c.N)
	return nil
}
