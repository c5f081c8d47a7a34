package mapreduce

import (
	"errors"
	"fmt"

	"weir/internal/format"
	"weir/internal/source"
)

// A table in Parquet says at its end where its row groups are, and each can be read by itself; so a split of a table is a run of row groups,
// by their numbers. Where a split's rows stand in the table is known like that of lines: from how many the splits before it had.

// A Run is some row groups of a table, one behind the other.
type Run struct {
	Groups int64 `json:"groups"`
	Bytes  int64 `json:"bytes"` // as stored
}

// Bounds of what a plan says of a table.
const (
	maxRuns   = 4096 // there may be hundreds of thousands of groups: neighbours share a run then
	maxGroups = 1 << 30
)

// runsOf puts row groups of these sizes together to at most most runs, four or more, of about the same size; each is one where they are fewer.
func runsOf(sizes []int64, most int) []Run {
	least := int64(0)
	if len(sizes) > most {
		for _, n := range sizes {
			least += n
		}
		least = least/int64(most/2-1) + 1 // two neighbours have more
	}
	var runs []Run
	for _, n := range sizes {
		if k := len(runs) - 1; k >= 0 && runs[k].Bytes+n < least {
			runs[k].Groups++
			runs[k].Bytes += n
			continue
		}
		runs = append(runs, Run{1, n})
	}
	return runs
}

// share finds out how tasks may share a table. Of one without a line one task has to say why.
func (x *Input) share(s *source.Stream, head []byte, whole bool) {
	name, sizes := s.RowGroups()
	if x.Table = name; len(format.Sample(head, whole)) > 0 {
		x.Runs = runsOf(sizes, maxRuns)
	}
}

// extent is how far splits of the input go: its bytes, or its row groups.
func (in *Input) extent() (n int64, unit string) {
	if len(in.Runs) == 0 {
		return in.Size, "bytes"
	}
	for _, r := range in.Runs {
		n += r.Groups
	}
	return n, "row groups"
}

// checkRuns says what is wrong with what the plan says of a table.
func (in *Input) checkRuns() error {
	if len(in.Runs) == 0 {
		return nil
	}
	if in.Table == "" || !in.Shaped || in.Compression != "" || len(in.Runs) > maxRuns {
		return fmt.Errorf("%q has %d runs of row groups, but is no table that tasks can share", in.Name, len(in.Runs))
	}
	for _, r := range in.Runs {
		if r.Groups < 1 || r.Groups > maxGroups || r.Bytes < 0 || r.Bytes > in.Size {
			return fmt.Errorf("%q has %d row groups of %d bytes", in.Name, r.Groups, r.Bytes)
		}
	}
	return nil
}

// runSplits puts row groups of the i-th input together up to so many bytes. None is cut.
func (p *Plan) runSplits(i int, size int64) []Split {
	in := &p.Inputs[i]
	if in.Whole || size <= 0 {
		n, _ := in.extent()
		return []Split{{Input: i, Length: n}}
	}
	var out []Split
	at, sum := int64(0), int64(0)
	for _, r := range in.Runs {
		if len(out) == 0 || sum > 0 && r.Bytes > size-sum {
			out, sum = append(out, Split{Input: i, Start: at}), 0
		}
		out[len(out)-1].Length += r.Groups
		at += r.Groups
		sum += r.Bytes
	}
	return out
}

func (in *Input) checkRunSplit(x *Split) error {
	n, _ := in.extent()
	switch {
	case x.Lines != nil:
		return fmt.Errorf("%q is a table, which an engine cannot cut into lines; give 'weir map' splits of it with --splits", in.Name)
	case x.Start >= n || x.Length < 1 || x.Length > n-x.Start:
		return fmt.Errorf("%q has %d row groups, but a split is of %d from number %d on", in.Name, n, x.Length, x.Start)
	case in.Whole && x.Length < n:
		return fmt.Errorf("%q must be read by one task, but a split is of %d of its %d row groups", in.Name, x.Length, n)
	}
	return nil
}

// ErrChanged is wrapped by errors of tables that are not what they were when the job was planned.
var ErrChanged = errors.New("it is not the table that it was when the job was planned: it was replaced; run the job again")
