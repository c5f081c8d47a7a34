package format

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"weir/internal/event"
	"weir/internal/source"
)

// readFile is the in-order stage for one file: it finds the format, decodes the lines that change the decoder's state,
// and hands the rest to the workers.
func (s *scan) readFile(ctx context.Context, index int) {
	tally := &s.files[index]
	var offset, line int64
	if s.o.Resume != nil {
		skip := false
		if offset, line, skip = s.o.Resume(index); skip {
			return
		}
	}
	stream, err := s.inputs[index].Open()
	if err != nil {
		tally.fail(err)
		return
	}
	s.open.Store(stream, nil)
	defer func() {
		s.open.Delete(stream)
		s.stored.Add(stream.StoredBytes())
		if w := stream.Warning(); w != "" {
			tally.warn(w)
		}
		tally.lose(stream.Lost())
		_ = stream.Close() // it was only read
	}()
	if note := stream.Note(); note != "" {
		tally.warn(note)
	}
	r := fileReader{scan: s, index: index, tally: tally, keys: event.NewKeys()}
	if s.o.Part != nil {
		r.part = s.o.Part(index)
	}
	head, err := r.start(stream)
	if err != nil {
		tally.fail(err)
		return
	}
	if r.decoder == nil {
		if r.part != nil { // who reads all of it has seen by now what is damaged
			_, _ = io.CopyN(io.Discard, stream, SampleBytes) // of a file that fails whoever has opened it knows
		}
		if stream.Warning() == "" && stream.Lost().Groups == 0 {
			tally.warn("the file is empty")
		}
		return
	}
	blocks, err := r.blocks(head, stream, offset, line)
	if err != nil {
		tally.fail(err)
		return
	}
	lines := int64(0)
	for {
		block, err := blocks.Next()
		if err == io.EOF {
			err = r.endPart(lines)
			if err == nil {
				return
			}
		}
		if err != nil {
			tally.fail(fmt.Errorf("cannot read on: %w", err))
			return
		}
		lines += block.Lines
		for block != nil {
			var last *source.Block
			if s.o.Gate != nil {
				last = block.SplitTail()
			}
			if !r.handOut(ctx, block) {
				return
			}
			block = last
		}
	}
}

// handOut gives a block to the workers, if the Gate lets it through, and reports whether to go on.
func (r *fileReader) handOut(ctx context.Context, block *source.Block) bool {
	s := r.scan
	if s.o.Gate != nil {
		switch err := s.o.Gate(r.index, block); {
		case errors.Is(err, ErrLeaveOut):
			block.Release()
			return true
		case err != nil:
			s.stopped.Store(true)
			r.tally.fail(err)
			return false
		}
	}
	select {
	case s.jobs <- r.plan(block):
		return true
	case <-ctx.Done():
		return false
	}
}

// resume returns the blocks of a file from offset on. The decoder sees the stateful lines before; where there can be none
// beyond the head of the file, that is not read.
func (r *fileReader) resume(head []byte, stream *source.Stream, offset, line int64) (*source.Blocks, error) {
	all := io.MultiReader(bytes.NewReader(head), stream)
	if offset == 0 {
		return source.NewBlocks(all, r.scan.o.Blocks), nil
	}
	end := offset
	if _, anywhere := r.decoder.(stateTeller); !anywhere && int64(len(head)) < offset {
		end = int64(len(head)) // no other format changes its mind beyond the sample
		all = bytes.NewReader(head)
	}
	before := source.NewBlocks(io.LimitReader(all, end), r.scan.o.Blocks)
	for {
		block, err := before.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read on: %w", err)
		}
		r.eachStateful(block, func(line *source.Line) {
			_ = r.decoder.Decode(line.Text, &r.e) // what it has to say of this line it said when it was read first
			r.state = nil
		})
		block.Release()
	}
	if end < offset {
		if err := stream.Skip(offset - end); err != nil {
			return nil, fmt.Errorf("cannot read on: %w", err)
		}
	}
	rest := io.Reader(stream)
	if offset < int64(len(head)) {
		rest = io.MultiReader(bytes.NewReader(head[offset:]), stream)
	}
	return source.NewBlocksAt(rest, r.scan.o.Blocks, offset, line), nil
}

// A fileReader is the state of the in-order stage for one file.
type fileReader struct {
	scan    *scan
	index   int
	tally   *fileTally
	keys    *event.Keys
	e       event.Event
	part    *Part         // nil: it is the whole file
	decoder Decoder       // the one whose state moves on; nil if the file is empty
	state   *decoderState // what decoder knows now, nil where it has changed since the last fork
	mark    byte
	marked  bool // of the lines after the first only those that start with mark are stateful; 0 is none
}

// A stateMarker is a Decoder whose stateful lines, but for the first of the file, all start with one byte: this saves
// looking at each line. 0 says that there are no others.
type stateMarker interface{ StateMark() byte }

// start finds the format by the first bytes of the file, which it returns.
func (r *fileReader) start(stream io.Reader) (head []byte, err error) {
	var sample [][]byte
	if r.part != nil {
		sample = Sample(r.part.Head, true)
	} else {
		head = make([]byte, SampleBytes)
		n, err := io.ReadFull(stream, head)
		head = head[:n]
		whole := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !whole {
			return nil, fmt.Errorf("cannot read it: %w", err)
		}
		sample = Sample(head, whole)
	}
	if len(sample) == 0 {
		return nil, nil
	}
	o := r.scan.o.Options
	o.Name = r.tally.summary.Name
	if written := r.scan.inputs[r.index].ModTime; r.scan.o.FileTimes && o.Reference.IsZero() && !written.IsZero() {
		o.Reference, o.Past = written, true
	}
	found, decoder, err := r.open(sample, o)
	if err != nil {
		return nil, err
	}
	r.decoder = decoder
	r.tally.summary.Format, r.tally.summary.Score = found.Format.Name, found.Score
	if m, ok := decoder.(stateMarker); ok {
		r.mark, r.marked = m.StateMark(), true
	}
	return head, nil
}

// open returns the decoder for a file that starts with sample.
func (r *fileReader) open(sample [][]byte, o Options) (*Detection, Decoder, error) {
	if o.Choice != nil {
		found, decoder, warnings, err := o.Choice.open(sample, o, r.keys)
		for _, w := range warnings {
			r.tally.warn(w)
		}
		return found, decoder, err
	}
	found, err := Detect(sample, o)
	if err != nil {
		return nil, nil, err
	}
	decoder, err := found.Format.New(sample, o, r.keys)
	return found, decoder, err
}

// plan decodes the stateful lines of a block and says which state reads the others.
func (r *fileReader) plan(block *source.Block) job {
	j := job{number: r.scan.blocks.Add(1) - 1, file: r.index, block: block}
	var counts jobCounts
	counts.bytes, counts.lines = block.Size, block.Lines
	from := block.Line
	part := func(to int64) {
		if to == from {
			return
		}
		if r.state == nil {
			r.state = &decoderState{r.decoder.Fork(r.keys)}
			if r.part != nil {
				r.part.compare(r.decoder, from)
			}
		}
		j.parts = append(j.parts, jobPart{from, to, r.state})
	}
	r.eachStateful(block, func(line *source.Line) {
		part(line.Number)
		err := r.decoder.Decode(line.Text, &r.e)
		r.state = nil
		from = line.Number
		if err != nil { // no record: a worker need not see it
			r.scan.failed(r.index, &counts, err, line)
			from++
		}
	})
	part(block.Line + block.Lines)
	r.tally.merge(&counts)
	return j
}

// eachStateful calls f for the stateful lines of a block, in order.
func (r *fileReader) eachStateful(block *source.Block, f func(*source.Line)) {
	it := block.Iter()
	if !r.marked {
		for it.Next() {
			if !it.Cut && r.decoder.Stateful(it.Text, it.Number) {
				f(&it.Line)
			}
		}
		return
	}
	if block.Line > 1 && r.mark == 0 {
		return
	}
	for it.NextFrom(r.mark) {
		if !it.Cut && r.decoder.Stateful(it.Text, it.Number) {
			f(&it.Line)
		}
	}
}
