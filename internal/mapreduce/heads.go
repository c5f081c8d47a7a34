package mapreduce

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/zeebo/xxh3"

	"weir/internal/format"
)

// HeadsName is what the file of the beginnings of logs is called beside a plan that does not have them itself.
const HeadsName = "heads"

// maxHeads is how many bytes of beginnings a plan holds. Every task reads all of its plan, and of the beginnings those of its own
// logs: with a hundred thousand logs the difference is a gigabyte of memory.
const maxHeads = 1 << 20

// DetachHeads takes the beginnings of logs out of a plan that has many, and returns them, for a file beside it; nil where the plan keeps
// them. Records of tasks are of the plan as it is afterwards.
func (p *Plan) DetachHeads() []byte {
	total := 0
	for i := range p.Inputs {
		total += len(p.Inputs[i].Head)
	}
	if total <= maxHeads || p.Heads != 0 {
		return p.heads
	}
	for i := range p.Inputs {
		in := &p.Inputs[i]
		in.HeadAt, in.HeadLen = int64(len(p.heads)), int64(len(in.Head))
		p.heads = append(p.heads, in.Head...)
		in.Head = nil
	}
	p.Heads = max(1, xxh3.Hash(p.heads))
	return p.heads
}

// Beginning returns the first lines of an input.
func (p *Plan) Beginning(in *Input) ([]byte, error) {
	packed := in.Head
	if in.HeadLen > 0 {
		var err error
		if packed, err = p.detached(in); err != nil {
			return nil, fmt.Errorf("cannot read the beginning of %q, which goes along with the plan: %w", in.Name, err)
		}
	}
	if len(packed) == 0 {
		return nil, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("%w: the beginning of %q is damaged: %w", ErrPlan, in.Name, err)
	}
	head, err := io.ReadAll(io.LimitReader(z, format.SampleBytes+1))
	if err == nil && len(head) > format.SampleBytes {
		err = errors.New("it is too long")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the beginning of %q is damaged: %w", ErrPlan, in.Name, err)
	}
	return head, nil
}

func (p *Plan) detached(in *Input) ([]byte, error) {
	if in.HeadAt < 0 || in.HeadLen < 0 || in.HeadLen > 2*format.SampleBytes {
		return nil, ErrPlan
	}
	from := p.beside
	if p.heads != nil {
		from = bytes.NewReader(p.heads)
	}
	if from == nil {
		return nil, errors.New("it is not there")
	}
	b := make([]byte, in.HeadLen)
	if n, err := from.ReadAt(b, in.HeadAt); n < len(b) {
		return nil, err
	}
	return b, nil
}
