package source

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// TestSplit: whatever a log is cut into, every line comes in exactly one part, and in order.
func TestSplit(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 3000 {
		var log []byte
		for range r.IntN(12) {
			log = append(log, bytes.Repeat([]byte{'a' + byte(r.IntN(3))}, r.IntN(9))...)
			log = append(log, '\n')
		}
		if r.IntN(2) == 0 {
			log = append(log, "end"...)
		}
		var got []byte
		for start := int64(0); start < int64(len(log)); {
			end := min(start+1+r.Int64N(12), int64(len(log)))
			var in io.Reader = bytes.NewReader(log[start:])
			if r.IntN(2) == 0 {
				in = iotest.OneByteReader(in)
			}
			part, err := io.ReadAll(NewSplit(in, start, end))
			if err != nil {
				t.Fatal(err)
			}
			if len(part) > 0 && start > 0 && len(got) > 0 && got[len(got)-1] != '\n' {
				t.Fatalf("%q: a part begins within a line", log)
			}
			got = append(got, part...)
			start = end
		}
		if !bytes.Equal(got, log) {
			t.Fatalf("%q became %q", log, got)
		}
	}
}
