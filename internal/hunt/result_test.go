package hunt

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"weir/internal/source"
)

func companyHunt(t *testing.T) *Result {
	t.Helper()
	logs, window := company(t, 20_000)
	var inputs []source.Input
	for name, data := range logs {
		inputs = append(inputs, source.Bytes(name, data))
	}
	r, err := Run(context.Background(), inputs, Options{Windows: []Span{window}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// The laws of a result: what the funnel removes and leaves adds up, rows hold every suspect that is left once, each row
// says less news than the one above, scores fall, and probabilities never rise with a falling score.
func TestLawsOfAResult(t *testing.T) {
	r := companyHunt(t)
	left := r.Funnel[0].Left.Events
	if left != r.Suspicious {
		t.Errorf("the funnel starts with %d of %d", left, r.Suspicious)
	}
	for _, s := range r.Funnel[1:] {
		if s.Removed.Events+s.Left.Events != left {
			t.Errorf("%s removes %d and leaves %d of %d", s.Name, s.Removed.Events, s.Left.Events, left)
		}
		left = s.Left.Events
	}
	seen := map[int]bool{}
	news := math.Inf(1)
	for _, f := range r.Folds() {
		if f.News > news {
			t.Errorf("the row of suspect %d has news %v after %v", f.Best, f.News, news)
		}
		news = f.News
		for _, m := range f.Members {
			if seen[m] || r.Narrowed(m) {
				t.Errorf("suspect %d is in two rows, or was narrowed away", m)
			}
			seen[m] = true
		}
		for _, e := range r.Examples(&f, 3) {
			if e == f.Best || !seen[e] {
				t.Errorf("example %d of the row of %d is its best, or no member", e, f.Best)
			}
		}
	}
	if len(seen) != left || left == 0 {
		t.Errorf("rows hold %d suspects of %d", len(seen), left)
	}
	for i := 1; i < r.Len(); i++ {
		a, b := r.order[i-1], r.order[i]
		pa, pb := r.prob[r.a.content[a]], r.prob[r.a.content[b]]
		if r.Score(i) > r.Score(i-1) || pb > pa+1e-9 || pb < 0 || pb > 1 {
			t.Fatalf("suspect %d: score %v after %v, probability %v after %v", i, r.Score(i), r.Score(i-1), pb, pa)
		}
	}
}

// Every clean day holds some failed logins, of the same words as those of a brute force.
func TestAFloodOfOrdinaryEventsIsKept(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var log strings.Builder
	for d := range 12 {
		n := 12
		if d == 8 {
			n = 400
		}
		for i := range n {
			at := day.AddDate(0, 0, d).Add(10*time.Hour + time.Duration(i)*7*time.Second)
			fmt.Fprintf(&log, "%s web1 sshd[%d]: Failed password for root from 192.0.2.%d port %d ssh2\n",
				at.Format(time.RFC3339), 1000+i, 1+i%9, 40000+i)
		}
	}
	hunt := func(d int) (left Tally, flood int) {
		from := day.AddDate(0, 0, d).Add(10 * time.Hour).UnixNano()
		r, err := Run(context.Background(), []source.Input{source.Bytes("auth.log", []byte(log.String()))},
			Options{Windows: []Span{{from, from + int64(time.Hour)}}})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if len(r.Placebos) == 0 {
			t.Fatal("no clean window")
		}
		if r.Share.Expect < r.Share.Lower {
			t.Errorf("at least %v of the events are bad, and %v are expected to be", r.Share.Lower, r.Share.Expect)
		}
		for c, is := range r.flood {
			if is {
				flood += int(r.a.contents[c].copies)
			}
			r.sums[c].score, r.sums[c].rarity = r.level.score, r.level.rarity // as ordinary as can be
			if r.isGood(uint32(c)) == is {
				t.Errorf("content %d: flood %v, and goes with learned good %v", c, is, !is)
			}
		}
		return r.Funnel[len(r.Funnel)-1].Left, flood
	}
	if left, flood := hunt(8); left.Events != 400 || flood != 400 {
		t.Errorf("of a brute force of 400 tries %d are left, %d as a flood", left.Events, flood)
	}
	if left, flood := hunt(5); left.Events != 0 || flood != 0 {
		t.Errorf("of an ordinary day %d of 12 tries are left, %d as a flood", left.Events, flood)
	}
}

// What Scores count is what the ranking and the placebos say, and Times hold every event.
func TestScoresAndTimesOfAResult(t *testing.T) {
	r := companyHunt(t)
	s := &r.Scores
	if len(s.Levels) < 10 || len(s.Levels) > maxLevels || len(s.Window) != len(s.Levels) || len(s.Clean) != len(r.Placebos) {
		t.Fatalf("%d levels, %d of the window, %d clean windows", len(s.Levels), len(s.Window), len(s.Clean))
	}
	for k, level := range s.Levels {
		var n int64
		for i := range r.Len() {
			if r.Score(i) >= level {
				n++
			}
		}
		if s.Window[k] != n {
			t.Errorf("%d events of the window score %v or more, Scores say %d", n, level, s.Window[k])
		}
		for i, p := range r.Placebos {
			if k == 0 && s.Clean[i][k] != int64(p.Events) {
				t.Errorf("clean window %d has %d events, Scores say %d", i, p.Events, s.Clean[i][k])
			}
			if (s.Clean[i][k] > 0) != (round(p.Top) >= level) {
				t.Errorf("clean window %d reaches %v, but Scores have %d at %v", i, p.Top, s.Clean[i][k], level)
			}
		}
	}
	var records, timed int64
	for i := range r.Summary.Files {
		records += r.Summary.Files[i].Records - r.Summary.Files[i].Untimed
	}
	for _, n := range r.Times.Counts {
		timed += n
	}
	if timed != records {
		t.Errorf("Times hold %d of %d events", timed, records)
	}
	if end := r.Times.From + int64(len(r.Times.Counts))*r.Times.Width; r.Times.From > r.Covered.From || end <= r.Covered.To {
		t.Errorf("Times run from %d to %d, the logs from %d to %d", r.Times.From, end, r.Covered.From, r.Covered.To)
	}
	for i := range r.Len() {
		x, err := r.Suspect(i)
		if err != nil {
			t.Fatal(err)
		}
		if x.Time != r.Time(i) || x.Probability != r.Probability(i) {
			t.Fatalf("suspect %d: %v and %v, %v and %v", i, x.Time, r.Time(i), x.Probability, r.Probability(i))
		}
	}
}
