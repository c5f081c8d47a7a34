package filter

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"weir/internal/forest"
	"weir/internal/linear"
	"weir/internal/token"
	"weir/internal/wire"
)

// Names of a filter's members.
const (
	manifestName = "manifest.json"
	countsName   = "counts.bin"
	weightsName  = "weights.bin"
	baseName     = "base.bin"
	seenName     = "seen.bin"
	journalName  = "journal.bin"
	forestName   = "forest.bin"
)

// Bounds on what is read: a filter may come from somebody else.
const (
	maxManifest = 1 << 20
	maxMember   = 1 << 27
	maxTokens   = 1 << 24
	maxRecords  = 1 << 24 // remembered as seen
	maxNats     = 1 << 20 // of a weight, either sign
	maxShare    = 1e6     // of naive Bayes in a blend
)

// errFull says that Read would refuse what is to be written.
var errFull = errors.New("the filter has learned more than it can hold: train it again, with all examples")

// Write writes the filter. The same filter gives the same bytes.
func (f *Filter) Write(w io.Writer) error {
	m := f.Manifest
	m.Groups = f.groups()
	m.Members = map[string]Member{}
	bodies := map[string][]byte{countsName: f.encodeCounts(m.Groups), seenName: f.encodeSeen()}
	if f.forest != nil {
		bodies[forestName] = f.forest.Append(nil)
	}
	if f.Learner.weighted() {
		bodies[weightsName] = encodeWeights(f.weights)
		bodies[baseName] = append(binary.AppendVarint(nil, toUnits(f.base.Bias)), encodeWeights(f.base.W)...)
		if len(f.journal.entries) == 0 {
			delete(bodies, baseName)
		}
	}
	bodies[journalName] = f.journal.encode()
	names := make([]string, 0, len(bodies))
	if len(f.table.keys) > maxTokens || f.seen.at.len() > maxRecords {
		return errFull
	}
	for name, b := range bodies {
		if len(b) > maxMember {
			return errFull
		}
		sum := sha256.Sum256(b)
		m.Members[name] = Member{Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}
		names = append(names, name)
	}
	slices.Sort(names)
	head, err := json.MarshalIndent(&m, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot write the manifest: %w", err)
	}
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.DefaultCompression) })
	put := func(name string, b []byte) error {
		m, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err == nil {
			_, err = m.Write(b)
		}
		return err
	}
	if err := put(manifestName, append(head, '\n')); err != nil {
		return err
	}
	for _, name := range names {
		if err := put(name, bodies[name]); err != nil {
			return err
		}
	}
	return z.Close()
}

// Read reads a filter of size bytes and checks it wholly. Errors wrap [ErrNotFilter], [ErrDamaged], [ErrScheme] or
// [ErrNewer].
func Read(r io.ReaderAt, size int64) (*Filter, error) {
	head := make([]byte, min(4, size))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, err
	}
	if !bytes.Equal(head, []byte("PK\x03\x04")) {
		return nil, ErrNotFilter
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%w: it has no end; was it cut short?", ErrDamaged)
	}
	body, err := member(z, manifestName, maxManifest)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFilter, err)
	}
	f := &Filter{journal: &journal{}}
	var versions struct {
		Format int `json:"weir_filter"`
		Scheme int `json:"token_scheme"`
	}
	if err := json.Unmarshal(body, &versions); err != nil || versions.Format == 0 {
		return nil, fmt.Errorf("%w: its manifest cannot be read", ErrNotFilter)
	}
	if versions.Format < 1 {
		return nil, fmt.Errorf("%w: there is no format %d", ErrNotFilter, versions.Format)
	}
	if versions.Format > FormatVersion {
		return nil, fmt.Errorf("%w: its format is %d, this weir reads up to %d", ErrNewer, versions.Format, FormatVersion)
	}
	if versions.Scheme != token.Version {
		return nil, fmt.Errorf("%w: %d, where this weir has %d", ErrScheme, versions.Scheme, token.Version)
	}
	if err := json.Unmarshal(body, &f.Manifest); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := f.fill(z); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return f, nil
}

func member(z *zip.Reader, name string, limit int64) ([]byte, error) {
	m, err := z.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s is missing", name)
	}
	defer m.Close()
	b, err := io.ReadAll(io.LimitReader(m, limit+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", name, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is over %d bytes", name, limit)
	}
	return b, nil
}

// fill reads the members that the manifest names.
func (f *Filter) fill(z *zip.Reader) error {
	if err := f.validate(); err != nil {
		return err
	}
	bodies := map[string][]byte{}
	for _, name := range []string{countsName, weightsName, baseName, seenName, journalName, forestName} {
		want, ok := f.Members[name]
		if !ok {
			continue
		}
		b, err := member(z, name, min(want.Bytes, maxMember))
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(b); int64(len(b)) != want.Bytes || hex.EncodeToString(sum[:]) != want.SHA256 {
			return fmt.Errorf("%s is not what was written", name)
		}
		bodies[name] = b
	}
	if err := f.decodeCounts(bodies[countsName]); err != nil {
		return err
	}
	if err := f.decodeSeen(bodies[seenName]); err != nil {
		return err
	}
	if err := f.journal.decode(bodies[journalName]); err != nil {
		return err
	}
	if !f.Learner.weighted() {
		f.setNaive()
		return nil
	}
	if f.Learner == Blend {
		f.setNaive()
	}
	var err error
	if f.Learner == Forest {
		if f.forest, err = forest.Parse(bodies[forestName]); err != nil {
			return fmt.Errorf("%s: %w", forestName, err)
		}
	}
	if f.weights, err = decodeWeights(bodies[weightsName], f.Tokens); err != nil {
		return err
	}
	f.base = &linear.Weights{W: f.weights, Bias: f.Bias}
	if b := bodies[baseName]; b != nil {
		r := wire.Reader{Rest: b}
		bias := r.Varint()
		if r.Bad {
			return fmt.Errorf("%s is too short", baseName)
		}
		f.base = &linear.Weights{Bias: float64(bias) * weightUnit}
		if !plausible(f.base.Bias) {
			return fmt.Errorf("a bias of %v", f.base.Bias)
		}
		f.base.W, err = decodeWeights(r.Rest, f.Tokens)
	}
	return err
}

func (f *Filter) validate() error {
	switch {
	case f.Tokens < 0 || f.Tokens > maxTokens || f.Bits < 1 || f.Bits > 32:
		return fmt.Errorf("%d tokens of %d bits", f.Tokens, f.Bits)
	case f.Good <= 0 || f.Bad <= 0:
		return fmt.Errorf("%d good and %d bad records", f.Good, f.Bad)
	case !slices.Contains(Learners, f.Learner):
		return fmt.Errorf("there is no learner %q", f.Learner)
	case !(f.Prior > 0 && f.Prior < 1):
		return fmt.Errorf("a prior of %v", f.Prior)
	case !(f.Share >= 0 && f.Share <= maxShare) || f.Share > 0 && f.Learner != Blend:
		return fmt.Errorf("a share of naive Bayes of %v", f.Share)
	case !plausible(f.Bias):
		return fmt.Errorf("a bias of %v", f.Bias)
	case !plausible(f.Start):
		return fmt.Errorf("a start of %v", f.Start)
	case f.Calibration == nil:
		return fmt.Errorf("no calibration")
	}
	return f.Calibration.Validate()
}

// plausible reports a number that sums of many of its like stay finite with.
func plausible(nats float64) bool { return math.Abs(nats) <= maxNats }

// groups lists the groups of the tokens, in order.
func (f *Filter) groups() []uint16 {
	g := slices.Clone(f.table.group)
	slices.Sort(g)
	return slices.Compact(g)
}

func (f *Filter) encodeCounts(groups []uint16) []byte {
	t, b := f.table, []byte(nil)
	last := uint32(0)
	for i, k := range t.keys {
		g, _ := slices.BinarySearch(groups, t.group[i])
		b = binary.AppendUvarint(b, uint64(k-last))
		b = binary.AppendUvarint(b, uint64(g))
		b = binary.AppendUvarint(b, uint64(t.good[i]))
		b = binary.AppendUvarint(b, uint64(t.bad[i]))
		last = k
	}
	return b
}

func (f *Filter) decodeCounts(b []byte) error {
	n := f.Tokens
	if n > len(b)/4 {
		return fmt.Errorf("%s is too short", countsName)
	}
	t := &table{bits: f.Bits, keys: make([]uint32, n), group: make([]uint16, n), good: make([]uint32, n), bad: make([]uint32, n)}
	key := uint64(0)
	r := wire.Reader{Rest: b}
	for i := range n {
		d := r.Uvarint()
		g := r.Uvarint()
		t.good[i], t.bad[i] = next32(&r), next32(&r)
		if key += d; r.Bad || i > 0 && d == 0 || d>>f.Bits != 0 || key>>f.Bits != 0 || g >= uint64(len(f.Groups)) {
			return fmt.Errorf("%s makes no sense at token %d", countsName, i)
		}
		t.keys[i], t.group[i] = uint32(key), f.Groups[g]
	}
	if len(r.Rest) > 0 {
		return fmt.Errorf("%s is too long", countsName)
	}
	t.index()
	f.table = t
	return nil
}

func toUnits(w float64) int64 { return int64(math.Round(w / weightUnit)) }

func encodeWeights(w []float64) []byte {
	b := make([]byte, 0, 2*len(w))
	for _, x := range w {
		b = binary.AppendVarint(b, toUnits(x))
	}
	return b
}

func decodeWeights(b []byte, n int) ([]float64, error) {
	w := make([]float64, n)
	r := wire.Reader{Rest: b}
	for i := range w {
		w[i] = float64(r.Varint()) * weightUnit
		if r.Bad {
			return nil, fmt.Errorf("%s is too short", weightsName)
		}
		if !plausible(w[i]) {
			return nil, fmt.Errorf("%s holds a weight of %v", weightsName, w[i])
		}
	}
	if len(r.Rest) > 0 {
		return nil, fmt.Errorf("%s is too long", weightsName)
	}
	return w, nil
}

func (f *Filter) encodeSeen() []byte {
	b := binary.AppendUvarint(nil, uint64(f.seen.level))
	if f.seen.at == nil {
		return append(b, f.seen.packed...)
	}
	last := uint64(0)
	for _, x := range f.seen.sorted() {
		b = binary.AppendUvarint(b, x.key-last)
		b = binary.AppendUvarint(b, uint64(x.good))
		b = binary.AppendUvarint(b, uint64(x.bad))
		last = x.key
	}
	return b
}

func (f *Filter) decodeSeen(b []byte) error {
	f.seen = &seen{limit: math.MaxInt} // what is learned from now on must leave no trace when it is taken back
	r := wire.Reader{Rest: b}
	level := r.Uvarint()
	if r.Bad || level >= seenBits {
		return fmt.Errorf("%s makes no sense", seenName)
	}
	f.seen.level = uint(level)
	f.seen.packed = r.Rest
	for key, first, n := uint64(0), true, 0; len(r.Rest) > 0; first, n = false, n+1 {
		d := r.Uvarint()
		x := learned{next32(&r), next32(&r)}
		key += d
		if r.Bad || !first && d == 0 || d>>seenBits != 0 || key>>(seenBits-f.seen.level) != 0 || x == (learned{}) || n == maxRecords {
			return fmt.Errorf("%s makes no sense", seenName)
		}
	}
	return nil
}

func (j *journal) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(len(j.entries)))
	for _, e := range j.entries {
		b = binary.LittleEndian.AppendUint64(b, e.key)
		b = append(b, byte(index(e.bad)))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(e.grown))
		b = binary.AppendUvarint(b, uint64(len(e.items)))
		for _, x := range e.items {
			b = binary.AppendUvarint(b, x)
		}
	}
	return b
}

func (j *journal) decode(b []byte) error {
	r := wire.Reader{Rest: b}
	for range r.Uvarint() {
		e := journalEntry{key: r.Fixed64(), bad: r.Byte() != 0, grown: math.Float64frombits(r.Fixed64())}
		k := r.Uvarint()
		if r.Bad || len(j.entries) >= maxJournal || !plausible(e.grown) || k > uint64(len(r.Rest)) { // each takes a byte at least
			return fmt.Errorf("%s makes no sense", journalName)
		}
		e.items = make([]item, k)
		for i := range e.items {
			if e.items[i] = r.Uvarint(); e.items[i]>>48 != 0 || i > 0 && e.items[i] <= e.items[i-1] {
				return fmt.Errorf("%s makes no sense", journalName)
			}
		}
		if n := len(j.entries); n > 0 && compareEntries(j.entries[n-1], e) >= 0 {
			return fmt.Errorf("%s makes no sense", journalName)
		}
		j.entries = append(j.entries, e)
	}
	if r.Bad || len(r.Rest) > 0 {
		return fmt.Errorf("%s makes no sense", journalName)
	}
	return nil
}

// next32 reads a number of 32 bits.
func next32(r *wire.Reader) uint32 { return uint32(r.UpTo(math.MaxUint32)) }
