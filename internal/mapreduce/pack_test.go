package mapreduce

import (
	"bytes"
	"errors"
	"testing"
)

func TestPack(t *testing.T) {
	for _, v := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("abc"), 100_000)} {
		packed, err := Pack(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if len(v) > 1000 && len(packed) > len(v)/100 {
			t.Errorf("%d bytes are packed into %d", len(v), len(packed))
		}
		got, err := Unpack([]byte("before"), packed)
		if err != nil || !bytes.Equal(got[6:], v) {
			t.Fatalf("%d bytes of %d: %v", len(got), len(v), err)
		}
	}
	// A bomb.
	bomb, err := Pack(nil, make([]byte, maxUnpacked+1))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range [][]byte{[]byte("no"), bomb} {
		if _, err := Unpack(nil, v); !errors.Is(err, ErrPacked) {
			t.Errorf("%d damaged bytes: %v", len(v), err)
		}
	}
}
