package bayes

import "math"

// Prior is the pseudo-count that every cell of a token's two-by-two table starts with: Jeffreys' prior. From .1 to 1 the
// rankings of the shared incidents differ by .002 (docs/quality.md).
const Prior = .5

// Weight returns the weight of evidence of a token in bits: the binary logarithm of the ratio of its odds among bad and
// among good records,
//
//	log2 (b+a)/(B−b+a) − log2 (g+a)/(G−g+a)
//
// with a = [Prior], b of B bad and g of G good records carrying it. Positive speaks for bad. Odds instead of shares make
// a token that fills the window, like one that fills known good, weigh more than its share alone would (I. J. Good,
// "Weight of evidence: a brief survey", 1985). Requires 0 ≤ b ≤ B and 0 ≤ g ≤ G; counts may be fractions.
func Weight(b, bad, g, good float64) float64 {
	return Log2((b+Prior)/(max(bad-b, 0)+Prior)) - Log2((g+Prior)/(max(good-g, 0)+Prior))
}

// Rarity returns how rare a token is in known good, in bits: −log2 of its share, with [Prior] added. It does not depend
// on the window, so that a flood in the window, which takes share from everything else there, leaves it alone.
func Rarity(g, good float64) float64 { return -Log2((g + Prior) / (good + 2*Prior)) }

// Spread is the mean and standard deviation of what a field votes in windows that are known to be clean.
type Spread struct {
	N    int // votes seen
	Mean float64
	SD   float64
}

// A Moments accumulates a Spread. The order of additions matters for the last bit of the result.
type Moments struct {
	n        int
	sum, sqr float64
}

// Add adds one vote in bits.
func (m *Moments) Add(v float64) {
	m.n++
	m.sum += v
	m.sqr += float64(v * v)
}

// Merge adds the votes of o.
func (m *Moments) Merge(o *Moments) {
	m.n += o.n
	m.sum += o.sum
	m.sqr += o.sqr
}

// Spread returns the population mean and standard deviation of what was added.
func (m *Moments) Spread() Spread {
	if m.n == 0 {
		return Spread{}
	}
	mean := m.sum / float64(m.n)
	return Spread{m.n, mean, math.Sqrt(max(0, m.sqr/float64(m.n)-float64(mean*mean)))}
}

const (
	minVotes = 6   // fewer clean votes than this are no spread
	minSD    = .72 // bits (half a nat): no field is sharpened without limit because it never varied in clean windows
	blindSD  = 2.9 // bits (two nats): the standard deviation of a field that clean windows never showed
)

// Standardize returns how far a field's vote of w bits exceeds what the field votes in clean windows, in units of its
// spread there. A field that votes as loudly in a clean window (ids, dates, search terms, new visitors) says nothing; a
// field that is quiet there and speaks now is evidence.
func (s Spread) Standardize(w float64) float64 {
	if s.N < minVotes {
		return w / blindSD
	}
	return (w - s.Mean) / max(s.SD, minSD)
}

// Robinson's constants, as SpamBayes has them: how much a token that was never seen is believed to say nothing.
const (
	robinsonStrength = .45
	robinsonUnseen   = .5
)

// LogOdds returns the weight of evidence of a token in bits as Robinson weighs it ("A statistical approach to the spam
// problem", Linux Journal 107, 2003): log2 f/(1−f), where
//
//	p = (b/B) / (b/B + g/G),   n = b + g,   f = (S·x + n·p) / (S + n)
//
// with S = .45, x = .5, for a token in b of B bad and g of G good records. Positive speaks for bad; a token that all records
// have, or none, says nothing, however unequal the classes. Requires B, G > 0, 0 ≤ b ≤ B and 0 ≤ g ≤ G.
//
// Where classes are labelled, and may be of very different sizes, this is the weight to use; [Weight], which is by odds,
// takes a token that all of 1,000 good and 6 bad records have for a sign of good.
func LogOdds(b, bad, g, good float64) float64 {
	n := b + g
	if n == 0 {
		return 0
	}
	sb, sg := b/bad, g/good
	p := sb / (sb + sg)
	f := (float64(robinsonStrength*robinsonUnseen) + float64(n*p)) / (robinsonStrength + n)
	return Log2(f) - Log2(1-f)
}
