// Package filter makes, keeps and applies what weir learns from labelled records.
//
// [Train] reads good and bad records, counts their tokens, holds data back to choose between learners (naive Bayes in two
// forms, logistic regression: package linear) and to turn scores into probabilities (package calibrate), and returns a
// [Filter]. [Filter.NewJudge] applies it to events; [Judge.Clues] says why. [Filter.Learn] adds records to it or takes them
// back. [Filter.Write] and [Read] keep it.
//
// # What is learned
//
// A record is the set of its tokens (package token), without who sent it. Counts of tokens by class are integers in a
// count.Vocabulary; a linear.Sample keeps the distinct contents, as many as fit, for the learners that need records. Both
// are bounded, and both depend on the data alone, not on the order it came in or on how many workers read it. So does the
// filter: the same records give the same bytes.
//
// # The file
//
// A filter is a zip archive, so that other tools can look inside (unzip -p F manifest.json):
//
//	manifest.json   [Manifest]: version of this format and of the token scheme, how files are read, classes, learners tried,
//	                calibration, and for every other member its length and SHA-256
//	counts.bin      tokens in order of their keys: key as difference to the one before, good, bad (unsigned varints);
//	                group as its place in the manifest's list
//	weights.bin     where the learner is linear or a forest: one weight a token in 1/2048 nats (zigzag varints)
//	base.bin        the same as training left them, if records were learned since
//	forest.bin      where the learner is one: package forest
//	seen.bin        keys of learned records: 48-bit hashes as differences, how often learned as good and as bad (unsigned varints)
//	journal.bin     records learned since training, for the linear learner
//
// The directory of a zip archive stands at its end, so a file cut short is noticed at once.
package filter

import (
	"errors"

	"weir/internal/calibrate"
	"weir/internal/forest"
	"weir/internal/format"
	"weir/internal/linear"
)

// FormatVersion is the version of the file format.
const FormatVersion = 1

// Faults that a person can mend.
var (
	ErrNoGood      = errors.New("there is no good record")
	ErrNoBad       = errors.New("there is no bad record")
	ErrSame        = errors.New("good and bad records are the same")
	ErrNotFilter   = errors.New("this is no filter")
	ErrDamaged     = errors.New("the filter is damaged")
	ErrScheme      = errors.New("the filter was made with another token scheme")
	ErrNewer       = errors.New("the filter was made by a newer weir")
	ErrNeverLearnt = errors.New("the filter has not learned this record")
)

// Learner names how a filter scores.
type Learner string

// The learners. Training chooses between the first five.
const (
	Linear     Learner = "linear"      // logistic regression on all tokens
	NaiveVotes Learner = "bayes-votes" // naive Bayes, one vote for each kind of token of a value
	NaiveSum   Learner = "bayes-sum"   // naive Bayes, all tokens of a value, damped by how many they are
	Blend      Learner = "blend"       // linear, and bayes-sum for a share
	Forest     Learner = "forest"      // decision trees on the fields of a table

	// The forms of naive Bayes that other toolkits have, on the same tokens. They are tried only when one is asked for: tokens of
	// one value are no independent witnesses, and counting all of them makes scores that are far too sure (docs/adr/0011).
	Multinomial Learner = "multinomial"
	Complement  Learner = "complement"
	Bernoulli   Learner = "bernoulli"
)

// Learners are all that can be asked for.
var Learners = []Learner{Linear, Blend, Forest, NaiveVotes, NaiveSum, Multinomial, Complement, Bernoulli}

// textbook reports whether a learner is naive Bayes as textbooks have it.
func (l Learner) textbook() bool { return l == Multinomial || l == Complement || l == Bernoulli }

// A Manifest says what a filter is.
type Manifest struct {
	Format    int           `json:"weir_filter"`         // FormatVersion
	Scheme    int           `json:"token_scheme"`        // token.Version
	Reading   format.Choice `json:"reading"`             // how files are read
	Zone      string        `json:"zone"`                // of times that name none, and of local hours
	Good      int64         `json:"good"`                // records trained
	Bad       int64         `json:"bad"`                 //
	Contents  int           `json:"contents"`            // distinct ones that the learners saw
	ShareGood float64       `json:"contents_share_good"` // of all distinct contents of good records
	ShareBad  float64       `json:"contents_share_bad"`
	Bits      uint          `json:"vocabulary_bits"` // leading bits of a hash that tell tokens apart
	Tokens    int           `json:"tokens"`
	Learner   Learner       `json:"learner"`
	Bias      float64       `json:"bias,omitempty"`        // of the linear learner, nats
	Share     float64       `json:"bayes_share,omitempty"` // of a blend: bits of the score that one bit of bayes-sum counts
	Start     float64       `json:"start"`                 // bits: the score where clues start to add; of the average record, for the linear learner
	Held      Held          `json:"held_back"`
	Prior     float64       `json:"prior"` // share of bad that probabilities are for

	Calibration *calibrate.Calibration `json:"calibration"`

	// Known is the share of a good or bad held-back record's tokens that training had seen: the mean, and what all but
	// one record in a thousand reach.
	Known    float64 `json:"known"`
	KnownLow float64 `json:"known_low"`

	LearnedGood int64    `json:"learned_good"` // by weir learn, since training
	LearnedBad  int64    `json:"learned_bad"`
	SeenShare   float64  `json:"seen_share"` // of the records, those that the filter remembers by hash
	Groups      []uint16 `json:"groups"`
	Warnings    []string `json:"warnings"`

	Members map[string]Member `json:"members"`
}

// A Member is a part of a filter's file.
type Member struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// HeldPrior is the share of bad among the training records, which the probabilities in Held.Reliability are for; Prior may have
// been moved since.
func (m *Manifest) HeldPrior() float64 { return float64(m.Bad) / float64(m.Good+m.Bad) }

// Held says how data were held back, and what each learner made of them.
type Held struct {
	By     string  `json:"by"` // time, client, content or nothing
	Parts  int     `json:"parts"`
	Trials []Trial `json:"trials"`
	// Of the learner that was kept, after calibration.
	Contents         int     `json:"contents"`
	AveragePrecision float64 `json:"average_precision"`
	// Reliability: how far the probabilities of held-back records can be taken at their word.
	Reliability *calibrate.Diagram `json:"reliability,omitempty"`
	// Drift, where data were held back by time: average precision on the latest part less that on the parts before.
	Drift *float64 `json:"drift,omitempty"`
}

// A Trial is what a learner made of held-back data.
type Trial struct {
	Learner          Learner `json:"learner"`
	LogLoss          float64 `json:"log_loss"` // bits a record, after calibration
	AveragePrecision float64 `json:"average_precision"`
}

// A Filter is what was learned. It is immutable, and safe for concurrent use.
type Filter struct {
	Manifest
	table   *table
	weights []float64       // by token, of the learner; nats for linear, else bits
	naive   []float64       // by token, of naive Bayes in a blend, bits
	base    *linear.Weights // of training; all zero where the learner is Forest
	forest  *forest.Forest  // nil without one
	seen    *seen
	journal *journal
}
