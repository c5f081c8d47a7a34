package lake

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"weir/internal/count"
)

// A Class is what marks make of an event. Of the standing marks that hold it, the last decides; without one it is good.
type Class string

// The classes. All is not one of them, but their sum.
const (
	All     Class = "all"
	Good    Class = "good"
	Bad     Class = "bad"
	Ignored Class = "ignore"
)

// storedClasses are the classes that segments have shares of; good is what they leave.
var storedClasses = []Class{Bad, Ignored}

// Standing returns the marks that were not taken back.
func (v *View) Standing() []Mark {
	return slices.DeleteFunc(slices.Clone(v.Marks), func(m Mark) bool { return m.TakenBack.Valid })
}

// Laying names the marks that the shares of a stretch should be made of, as Job.Marks does, where those stand.
func (s *Stretch) Laying(standing []Mark) string { return numbers(touching(standing, s)) }

// numbers is a list of marks as text.
func numbers(list []Mark) string {
	out := make([]int64, len(list))
	for i := range list {
		out[i] = list[i].Number
	}
	b, _ := json.Marshal(out) // numbers always can be
	return string(b)
}

// touching returns the marks that may hold an event of the stretch.
func touching(list []Mark, s *Stretch) (out []Mark) {
	for i := range list {
		m := &list[i]
		switch {
		case !m.timed():
		case !s.Timed, m.Begins.Valid && m.Begins.Int64 > s.Last, m.Ends.Valid && m.Ends.Int64 < s.First:
			continue
		}
		out = append(out, *m)
	}
	return out
}

// jobs lists the stretches whose shares are not those that the standing marks make.
func (v *View) jobs() (out []*Job, err error) {
	standing := v.Standing()
	for i := range v.Stretches {
		s := &v.Stretches[i]
		j := &Job{Stretch: *s, Was: v.Laid[s.Key], Want: touching(standing, s)}
		if j.Was.Marks == "" {
			j.Was.Marks = "[]"
		}
		if j.Was.Marks == numbers(j.Want) {
			continue
		}
		if j.Have, err = v.marksOf(s); err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, nil
}

// marksOf returns the marks that the shares of a stretch were made by.
func (v *View) marksOf(s *Stretch) (out []Mark, err error) {
	text := v.Laid[s.Key].Marks
	if text == "" {
		return nil, nil
	}
	var list []int64
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("cannot read the marks of %q: %w", s.Name, err)
	}
	for _, n := range list {
		at, ok := slices.BinarySearchFunc(v.Marks, n, func(m Mark, n int64) int { return cmp.Compare(m.Number, n) })
		if !ok {
			return nil, fmt.Errorf("%w: the shares of %q are of mark number %d, which is not there yet", ErrOvertaken, s.Name, n)
		}
		out = append(out, v.Marks[at])
	}
	return out, nil
}

// changed returns the marks that only one of two lists has.
func changed(a, b []Mark) (out []Mark) {
	in := func(list []Mark, n int64) bool {
		return slices.ContainsFunc(list, func(m Mark) bool { return m.Number == n })
	}
	for _, m := range a {
		if !in(b, m.Number) {
			out = append(out, m)
		}
	}
	for _, m := range b {
		if !in(a, m.Number) {
			out = append(out, m)
		}
	}
	return out
}

// Laying says what Lay did.
type Laying struct {
	Segments int   // whose shares were made anew
	Read     int64 // events that were read
	Moved    int64 // events that changed their class
}

// Lay lays the standing marks against the stretches (segments of a lake): it brings the shares of those up to date whose marks have
// changed. Of such a stretch it reads the events in the windows of the marks that came or went, and moves those whose class has
// changed from one share to the other; so the cost is that of the windows. A mark without a window costs a look at every event.
func (t *Trainer) Lay(ctx context.Context) (*Laying, error) {
	out := &Laying{}
	for range tries {
		v, err := t.ground.Look(ctx)
		var jobs []*Job
		if err == nil {
			if jobs, err = v.jobs(); err == nil && len(jobs) == 0 && !v.Unfinished {
				return out, nil
			}
		}
		if err == nil {
			err = t.ground.Begin(ctx)
		}
		if err == nil && !v.Unfinished {
			err = t.lay(ctx, jobs, out)
		}
		if err != nil && !again(err) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: the segments and marks changed all the time; run again", ErrOvertaken)
}

// tries is how often what others change in the meantime is looked at again.
const tries = 10

// again reports whether an error says that somebody else has changed something meanwhile.
func again(err error) bool {
	return errors.Is(err, ErrOvertaken) || errors.Is(err, ErrGone) || errors.Is(err, ErrStale)
}

// layAtOnce bounds the jobs of one commit, and so what a kill costs.
const layAtOnce = 64

func (t *Trainer) lay(ctx context.Context, jobs []*Job, out *Laying) error {
	for chunk := range slices.Chunk(jobs, layAtOnce) {
		groups := slices.Collect(slices.Chunk(chunk, max(1, t.ground.NewReader().Together())))
		var next atomic.Int64
		var mu sync.Mutex
		var first error
		var wait sync.WaitGroup
		for range min(len(groups), runtime.GOMAXPROCS(0)) {
			wait.Go(func() {
				w := t.newLayer()
				for i := int(next.Add(1)) - 1; i < len(groups); i = int(next.Add(1)) - 1 {
					err := w.do(ctx, groups[i])
					if err != nil {
						mu.Lock()
						first = cmpErr(first, err)
						mu.Unlock()
						next.Store(int64(len(groups)))
					}
				}
				mu.Lock()
				out.Read += w.read
				out.Moved += w.moved
				mu.Unlock()
			})
		}
		wait.Wait()
		if first != nil {
			for _, j := range chunk {
				t.ground.DiscardShares(ctx, j.Fresh)
			}
			return first
		}
		if err := t.ground.CommitShares(ctx, chunk); err != nil {
			return err
		}
		out.Segments += len(chunk)
	}
	return nil
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// Tally returns the counts of a class over the whole archive:
//
//	all      the sum of the segments' counts
//	bad, ignore   the sums of their shares
//	good     all − bad − ignore
//
// Lay has to have been called since marks or segments changed; if not, that is an error (ErrStale).
func (t *Trainer) Tally(ctx context.Context, class Class) (*count.Tally, error) {
	v, err := t.ground.Look(ctx)
	if err != nil {
		return nil, err
	}
	if jobs, err := v.jobs(); err != nil || len(jobs) > 0 || v.Unfinished {
		return nil, errors.Join(err, ErrStale)
	}
	return t.tally(ctx, v, class)
}

// ErrStale says that marks or segments have changed since marks were laid.
var ErrStale = errors.New("marks were made, or events added, since the lake's last training")

func (t *Trainer) tally(ctx context.Context, v *View, class Class) (*count.Tally, error) {
	sum := count.NewTally()
	r := t.ground.NewReader()
	for i := range v.Stretches {
		s := &v.Stretches[i]
		if class == All || class == Good {
			if err := r.Add(ctx, s.Counts, sum); err != nil {
				return nil, err
			}
		}
		for _, x := range v.Laid[s.Key].Shares {
			if x.Class == class {
				if err := r.Add(ctx, x.Name, sum); err != nil {
					return nil, err
				}
			}
		}
	}
	if class != Good {
		return sum, nil
	}
	for _, c := range storedClasses {
		less, err := t.tally(ctx, v, c)
		if err != nil {
			return nil, err
		}
		if err := sum.Subtract(less); err != nil {
			return nil, fmt.Errorf("%w: the %s shares are not within the counts of the segments: %w", ErrSegment, c, err)
		}
	}
	return sum, nil
}
