package mapreduce

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestPairs: a value has one spelling, of 16 characters for 13 bytes, and no other text is one.
func TestPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for n := range 200 {
		b := make([]byte, n)
		for range 50 {
			for i := range b {
				b[i] = []byte{0, 255, byte(r.Uint32())}[r.IntN(3)]
			}
			text := appendPaired(nil, b)
			if got, err := appendUnpaired(nil, text); err != nil || !bytes.Equal(got, b) {
				t.Fatalf("%v: %x became %x", err, b, got)
			}
			if len(text) > (16*n+12)/13 {
				t.Fatalf("%d bytes are %d characters", n, len(text))
			}
		}
	}
}

// FuzzPairs: what reads as a value is what is written of it.
func FuzzPairs(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("!"))
	f.Add([]byte("!!"))
	f.Add([]byte("~~"))
	f.Add(appendPaired(nil, []byte("a value of some bytes")))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := appendUnpaired(nil, text)
		if err != nil {
			return
		}
		if again := appendPaired(nil, b); !bytes.Equal(again, text) {
			t.Fatalf("%q is %x, which is written %q", text, b, again)
		}
	})
}

func BenchmarkPairs(b *testing.B) {
	value := make([]byte, 1<<16)
	r := rand.New(rand.NewPCG(3, 3))
	for i := range value {
		value[i] = byte(r.Uint32())
	}
	text := appendPaired(nil, value)
	var buf []byte
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(value)))
		for b.Loop() {
			buf = appendPaired(buf[:0], value)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(value)))
		for b.Loop() {
			buf, _ = appendUnpaired(buf[:0], text)
		}
	})
}
