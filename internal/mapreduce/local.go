package mapreduce

import (
	"bytes"
	"context"
	"slices"

	"github.com/zeebo/xxh3"
)

// Local runs a job on this machine in the way an engine does: each of tasks is mapped, its records sorted and, if combine says so,
// combined; they are divided among reducers by KEY, sorted and reduced. It returns the reduced records, and how many bytes
// went from mappers to reducers. All records are in memory: it is for tests and for trying a job out.
func Local(ctx context.Context, p *Plan, job *Job, tasks [][]Split, reducers int, combine bool, o MapOptions) (records []byte, shuffled int64, err error) {
	in := make([][][]byte, reducers)
	for _, splits := range tasks {
		var out bytes.Buffer
		if err := Map(ctx, p, job, splits, NewWriter(&out), o); err != nil {
			return nil, 0, err
		}
		lines := SortRecords(out.Bytes())
		if combine {
			var combined bytes.Buffer
			if err := Reduce(ctx, job.Kinds, bytes.NewReader(bytes.Join(lines, nil)), &combined); err != nil {
				return nil, 0, err
			}
			lines = SortRecords(combined.Bytes())
		}
		for _, l := range lines {
			key, _, _ := bytes.Cut(l, []byte{'\t'})
			k := xxh3.Hash(key) % uint64(reducers)
			in[k] = append(in[k], l)
			shuffled += int64(len(l))
		}
	}
	var out bytes.Buffer
	for _, lines := range in {
		slices.SortStableFunc(lines, compareLines)
		if err := Reduce(ctx, job.Kinds, bytes.NewReader(bytes.Join(lines, nil)), &out); err != nil {
			return nil, 0, err
		}
	}
	return out.Bytes(), shuffled, nil
}

// SortRecords returns the lines of records, with their ends, sorted by KEY and SUB.
func SortRecords(records []byte) [][]byte {
	lines := bytes.SplitAfter(records, []byte{'\n'})
	if n := len(lines); n > 0 && len(lines[n-1]) == 0 {
		lines = lines[:n-1]
	}
	slices.SortStableFunc(lines, compareLines)
	return lines
}

func compareLines(a, b []byte) int { return bytes.Compare(idOf(a), idOf(b)) }

// idOf returns KEY TAB SUB of a line.
func idOf(l []byte) []byte {
	i := bytes.IndexByte(l, '\t')
	if i < 0 {
		return l
	}
	k := bytes.IndexByte(l[i+1:], '\t')
	if k < 0 {
		return l
	}
	return l[:i+1+k]
}
