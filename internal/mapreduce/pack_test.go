package mapreduce

import (
	"bytes"
	"testing"
)

func TestPack(t *testing.T) {
	p, err := NewPacker()
	if err != nil {
		t.Fatal(err)
	}
	u, err := NewUnpacker()
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	for _, v := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("abc"), 100_000)} {
		packed := p.Append(nil, v)
		if len(v) > 1000 && len(packed) > len(v)/100 {
			t.Errorf("%d bytes are packed into %d", len(v), len(packed))
		}
		got, err := u.Append([]byte("before"), packed)
		if err != nil || !bytes.Equal(got[6:], v) {
			t.Fatalf("%d bytes of %d: %v", len(got), len(v), err)
		}
	}
	bomb := p.Append(nil, make([]byte, maxUnpacked+1))
	for _, v := range [][]byte{[]byte("no"), bomb} {
		if _, err := u.Append(nil, v); err == nil {
			t.Errorf("%d damaged bytes are taken", len(v))
		}
	}
}
