package calibrate

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"weir/internal/bayes"
)

// A ProbabilityPoint is a probability of bad that was given to a record, and the record's label.
type ProbabilityPoint struct {
	Probability float64 // 0 to 1
	Bad         bool
	Group       uint64 // records of one group (copies, one client) count as one witness; 0 means a witness of its own
}

// A Bin is what became of the records with a probability from From up to, but not including, To; the last bin includes 1.
type Bin struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"`
	Count int     `json:"count"`     // records
	Bad   int     `json:"bad"`       // bad ones among them
	Worth float64 `json:"effective"` // independent records that they are worth, by their groups; at most Count
	Mean  float64 `json:"mean"`      // mean probability; 0 if there are no records, like all below
	Rate  float64 `json:"rate"`      // observed share of bad
	Low   float64 `json:"low"`       // Wilson's 95 % interval of Rate
	High  float64 `json:"high"`
}

// A Diagram says how far probabilities can be taken at their word.
type Diagram struct {
	Bins     []Bin    `json:"bins"`
	ECE      float64  `json:"ece"`      // expected calibration error: mean |Mean − Rate| over ten equal bins, by Count
	Brier    float64  `json:"brier"`    // mean square of probability − label
	LogLoss  float64  `json:"log_loss"` // mean −ln of the probability of what happened, in nats; 0 and 1 as 2^−52 away from there
	Warnings []string `json:"warnings,omitempty"`
}

const (
	maxBins  = 100
	eceBins  = 10 // as in shared/bench/score_lines.py
	fewInBin = 20 // effective records: with less, a bin's interval is as wide as 0 to .16 at best
)

// Reliability compares probabilities with what happened, in equal-width bins (1 to 100; 10 show deciles). Counts, sums
// and so all results are the same in any order of the points. Errors: bins out of range, a probability that is not from 0
// to 1. No points give empty bins and a warning.
func Reliability(points []ProbabilityPoint, bins int) (*Diagram, error) {
	return ReliabilityOf(len(points), func(i int) ProbabilityPoint { return points[i] }, bins)
}

// ReliabilityOf is Reliability of at(0), … at(n−1), for points that are kept elsewhere. It takes eight bytes a point if
// there are groups, next to nothing otherwise.
func ReliabilityOf(n int, at func(i int) ProbabilityPoint, bins int) (*Diagram, error) {
	if bins < 1 || bins > maxBins {
		return nil, fmt.Errorf("cannot lay probabilities into %d bins: there must be 1 to %d", bins, maxBins)
	}
	d := &Diagram{Bins: make([]Bin, bins)}
	for i := range d.Bins {
		d.Bins[i].From, d.Bins[i].To = float64(i)/float64(bins), float64(i+1)/float64(bins)
	}
	sums, tens := make([]exact, bins), make([]ten, eceBins)
	var brier, loss exact
	grouped := false
	for i := range n {
		p := at(i)
		if !(p.Probability >= 0 && p.Probability <= 1) {
			return nil, fmt.Errorf("cannot judge the probability %v of record %d: it must be from 0 to 1", p.Probability, i)
		}
		b := binOf(p.Probability, bins)
		d.Bins[b].Count++
		sums[b].add(p.Probability)
		t := &tens[binOf(p.Probability, eceBins)]
		t.sum.add(p.Probability)
		happened := 1 - p.Probability
		if p.Bad {
			d.Bins[b].Bad++
			t.bad++
			happened = p.Probability
		}
		brier.add(float64((1 - happened) * (1 - happened)))
		loss.add(max(0, -float64(bayes.Log2(min(max(happened, 0x1p-52), 1-0x1p-52))*math.Ln2)))
		grouped = grouped || p.Group != 0
	}
	if n > 0 {
		d.Brier, d.LogLoss = brier.value()/float64(n), loss.value()/float64(n)
		for _, t := range tens {
			d.ECE += math.Abs(t.sum.value()-float64(t.bad)) / float64(n)
		}
	}
	d.finish(sums, worths(n, at, d.Bins, grouped))
	return d, nil
}

type ten struct {
	sum exact
	bad int
}

func binOf(p float64, bins int) int { return min(bins-1, int(p*float64(bins))) }

// finish fills in what bins make of their sums, and warns.
func (d *Diagram) finish(sums []exact, worth []float64) {
	total, thin := 0, 0
	for i := range d.Bins {
		b := &d.Bins[i]
		total += b.Count
		if b.Count == 0 {
			continue
		}
		b.Worth = worth[i]
		b.Mean, b.Rate = sums[i].value()/float64(b.Count), float64(b.Bad)/float64(b.Count)
		b.Low, b.High = Wilson(b.Rate, b.Worth)
		if b.Worth < fewInBin {
			thin++
		}
	}
	switch {
	case total == 0:
		d.Warnings = append(d.Warnings, "no records, so nothing is known of the probabilities")
	case thin > 0:
		d.Warnings = append(d.Warnings, fmt.Sprintf(
			"too few independent records (under %d) in %d of %d bins, so their rates say little: look at the intervals", fewInBin, thin, len(d.Bins)))
	}
}

// worths returns for each bin how many independent records its records are worth: (Σ n_g)²/Σ n_g² over its groups (Kish
// 1965), which takes the records of a group for copies of each other and hence never flatters.
func worths(n int, at func(i int) ProbabilityPoint, bins []Bin, grouped bool) []float64 {
	out := make([]float64, len(bins))
	for i, b := range bins {
		out[i] = float64(b.Count)
	}
	if !grouped {
		return out
	}
	next := make([]int, len(bins)+1)
	for i, b := range bins {
		next[i+1] = next[i] + b.Count
	}
	start := slices.Clone(next)
	groups := make([]uint64, n) // by bin
	for i := range n {
		p := at(i)
		b := binOf(p.Probability, len(bins))
		groups[next[b]] = p.Group
		next[b]++
	}
	for i := range bins {
		out[i] = Effective(groups[start[i]:start[i+1]])
	}
	return out
}

// Effective returns how many independent records the records of these groups are worth: (Σ n_g)²/Σ n_g² (Kish 1965). A
// group of 0 stands for a record of its own. It sorts groups.
func Effective(groups []uint64) float64 {
	slices.Sort(groups)
	squares := 0.0 // whole numbers, exact to 2^53
	for i := 0; i < len(groups); {
		j := i + 1
		for j < len(groups) && groups[j] == groups[i] && groups[i] != 0 {
			j++
		}
		squares += float64(float64(j-i) * float64(j-i))
		i = j
	}
	if squares == 0 {
		return 0
	}
	n := float64(len(groups))
	return float64(n*n) / squares
}

const z95 = 1.959963984540054 // 97.5 % of a standard normal distribution lie below

// Wilson returns the 95 % interval of a rate that was observed in n independent records (Wilson, "Probable inference, the
// law of succession, and statistical inference", 1927). n may be a fraction; of none the interval is 0 to 1.
func Wilson(rate, n float64) (low, high float64) {
	if !(n > 0) {
		return 0, 1
	}
	z2 := float64(z95 * z95)
	middle := rate + z2/(2*n)
	half := float64(z95 * math.Sqrt(float64(rate*(1-rate))/n+z2/float64(4*float64(n*n))))
	low, high = (middle-half)/(1+z2/n), (middle+half)/(1+z2/n)
	if rate <= 0 { // exactly, where rounding would leave a trace
		low = 0
	}
	if rate >= 1 {
		high = 1
	}
	return max(low, 0), min(high, 1)
}

// exact sums numbers from 0 to 2^20 in units of 2^−40, so that the order makes no difference.
type exact struct{ high, low uint64 }

func (s *exact) add(x float64) {
	var carry uint64
	s.low, carry = bits.Add64(s.low, uint64(math.Ldexp(x, 40)+.5), 0)
	s.high += carry
}

func (s *exact) value() float64 {
	return math.Ldexp(float64(s.high), 24) + math.Ldexp(float64(s.low), -40)
}
