package profile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"testing/iotest"
)

func encoded(t testing.TB, p *Profile) []byte {
	t.Helper()
	var b bytes.Buffer
	if n, err := p.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("%d bytes of %d: %v", n, b.Len(), err)
	}
	return b.Bytes()
}

// TestEncoding: what is read is what was written, narrowed or not, and any order of counting gives the same bytes.
func TestEncoding(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, budget := range []int{Budget, 900, 40, 3} {
		all := acts(r, 3000, 150)
		p := learn(all, budget)
		b := encoded(t, p)
		q, err := Read(iotest.OneByteReader(bytes.NewReader(b)))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := dump(q), dump(p); !reflect.DeepEqual(got, want) {
			t.Fatalf("budget %d: %v, want %v", budget, got, want)
		}
		r.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
		half := learn(all[:1000], budget)
		half.Merge(learn(all[1000:], budget))
		if !bytes.Equal(encoded(t, half), b) {
			t.Errorf("budget %d: another order gives other bytes", budget)
		}
		// What was read counts on.
		q.Merge(learn(all[:500], budget))
		p.Merge(learn(all[:500], budget))
		if !bytes.Equal(encoded(t, q), encoded(t, p)) {
			t.Errorf("budget %d: what was read does not merge as what was written", budget)
		}
	}
}

// TestDamaged: a profile with one byte changed, or cut off anywhere, is refused.
func TestDamaged(t *testing.T) {
	b := encoded(t, learn(acts(rand.New(rand.NewPCG(1, 2)), 50, 5), Budget))
	for i := range b {
		if _, err := Read(bytes.NewReader(b[:i])); !errors.Is(err, ErrFormat) {
			t.Fatalf("cut at %d: %v", i, err)
		}
		c := slices.Clone(b)
		c[i] ^= 0x10
		if _, err := Read(bytes.NewReader(c)); !errors.Is(err, ErrFormat) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	if _, err := Read(iotest.ErrReader(errors.New("disk"))); err == nil || errors.Is(err, ErrFormat) {
		t.Errorf("a disk that fails: %v", err)
	}
}

// FuzzRead: what is read can be written, to the same bytes, and answers questions.
func FuzzRead(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, budget := range []int{Budget, 40} {
		f.Add(encoded(f, learn(acts(r, 30, 10), budget)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= 4 { // a check sum that fits, or nothing gets through
			body := b[:len(b)-4]
			b = binary.LittleEndian.AppendUint32(slices.Clone(body), crc32.ChecksumIEEE(body))
		}
		p, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		out := encoded(t, p)
		if !bytes.HasPrefix(b, out) {
			t.Fatalf("%x was written as %x", b, out)
		}
		p.Sum().Departure(&Act{Entity: 1, Value: 2})
		if len(p.aspects) > 0 {
			p.Add(&Act{Entity: 1, Value: 2, Name: []byte("1"), Text: []byte("2")}, 1)
			p.Subtract(p)
		}
	})
}
