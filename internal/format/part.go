package format

import (
	"bytes"
	"io"
	"slices"

	"weir/internal/source"
)

// A Part is a stretch of a log that is read for itself: lines of it, by somebody who does not have those before. What there
// is to know of the log's beginning comes with it, so that a line is read in a part as it is in the whole.
//
// Lines of a part are numbered from 1, those of one that is not the first from PartLines+1: no decoder takes them for the
// first lines of a file.
type Part struct {
	Head  []byte // the first lines of the log, as [HeadOf] gives them
	First bool   // the log begins here

	// Changed is set by the scan: a header beyond Head changed how lines are read. Parts after it, which do not know, read their
	// lines in another way than the whole log would be.
	Changed bool

	reference Decoder // as it was after Head
}

// PartLines is added to the line numbers of parts that are not the first.
const PartLines = 1 << 40

// LineInPart returns the number, from 1, in its part of a line of a [Position].
func LineInPart(line int64) int64 {
	if line > PartLines {
		return line - PartLines
	}
	return line
}

// HeadOf returns the beginning of a log, of which head are the first bytes ([SampleBytes] or more, or all there are, which
// whole says): as much as detection looks at and no more.
func HeadOf(head []byte, whole bool) []byte {
	if len(head) > SampleBytes {
		head, whole = head[:SampleBytes], false
	}
	end := 0
	for range SampleLines {
		i := bytes.IndexByte(head[end:], '\n')
		if i < 0 {
			if whole || end == 0 {
				end = len(head)
			}
			break
		}
		end += i + 1
	}
	return slices.Clone(head[:end])
}

// A stateTeller is a Decoder whose stateful lines may come anywhere.
type stateTeller interface {
	// SameState reports whether it reads lines as o does, a Decoder of the same file.
	SameState(o Decoder) bool
}

// compare looks, when the decoder's state has changed before a line, whether parts that know the head alone would read on alike.
func (p *Part) compare(d Decoder, line int64) {
	if p.reference == nil || p.First && line <= int64(bytes.Count(p.Head, []byte{'\n'})) {
		return
	}
	p.Changed = p.Changed || !p.same(d)
}

// same reports whether a decoder reads lines as those do that know the head alone.
func (p *Part) same(d Decoder) bool {
	t, ok := d.(stateTeller)
	return !ok || t.SameState(p.reference)
}

// endPart looks, where a part ends, whether the next would read its first lines alike: a header may have been the last line, and what
// follows a first part that is shorter than the head has the state that is only there when the head ends.
func (r *fileReader) endPart(lines int64) error {
	p := r.part
	if p == nil || p.reference == nil || p.same(r.decoder) {
		return nil
	}
	if !p.First || lines >= int64(bytes.Count(p.Head, []byte{'\n'})) {
		p.Changed = true
		return nil
	}
	for rest := source.NewBlocks(bytes.NewReader(p.Head), r.scan.o.Blocks); ; {
		block, err := rest.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for it := block.Iter(); it.Next(); {
			switch {
			case it.Number <= lines || len(bytes.TrimSpace(it.Text)) == 0:
			case !it.Cut && r.decoder.Stateful(it.Text, it.Number):
				_ = r.decoder.Decode(it.Text, &r.e) // what it has to say of this line it says where the line is read
			default:
				p.Changed = p.Changed || !p.same(r.decoder)
			}
		}
		block.Release()
	}
}

// blocks returns the blocks of a file, or of a part of one.
func (r *fileReader) blocks(head []byte, stream *source.Stream, offset, line int64) (*source.Blocks, error) {
	if r.part == nil {
		return r.resume(head, stream, offset, line)
	}
	after := r.decoder.Fork(r.keys)
	all := source.NewBlocks(bytes.NewReader(r.part.Head), r.scan.o.Blocks)
	for {
		block, err := all.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		// Another reader, since only lines of the head are looked at.
		(&fileReader{decoder: after, mark: r.mark, marked: r.marked}).eachStateful(block, func(line *source.Line) {
			_ = after.Decode(line.Text, &r.e) // what it has to say of this line it says to the first part
		})
		block.Release()
	}
	r.part.reference = after.Fork(r.keys)
	if r.part.First {
		return source.NewBlocks(stream, r.scan.o.Blocks), nil
	}
	r.decoder = after
	return source.NewBlocksAt(stream, r.scan.o.Blocks, 0, PartLines+1), nil
}
