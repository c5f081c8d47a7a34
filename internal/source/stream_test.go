package source

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstded(t testing.TB, text string) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll([]byte(text), nil)
}

// printf 'hello\n' | bzip2 | base64
const bzip2Hello = "QlpoOTFBWSZTWcHAgOIAAAFBAAAQAkSgADDNAMNGKZcXckU4UJDBwIDi"

func TestStream(t *testing.T) {
	bz, err := base64.StdEncoding.DecodeString(bzip2Hello)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a line of log, like others\n", 100000)
	for _, c := range []struct {
		name string
		in   []byte
		want string
	}{
		{"plain", []byte("hello\n"), "hello\n"},
		{"empty", nil, ""},
		{"one byte", []byte("x"), "x"},
		{"byte order mark", []byte("\xef\xbb\xbfhello\n"), "hello\n"},
		{"mark only", []byte("\xef\xbb\xbf"), ""},
		{"gzip", gzipped(t, long), long},
		{"gzip of nothing", gzipped(t, ""), ""},
		{"gzip of one byte", gzipped(t, "x"), "x"},
		{"gzip with mark", gzipped(t, "\xef\xbb\xbfhello\n"), "hello\n"},
		{"gzip, two members", append(gzipped(t, "hello\n"), gzipped(t, "world\n")...), "hello\nworld\n"},
		{"zstd", zstded(t, long), long},
		{"zstd, two frames", append(zstded(t, "hello\n"), zstded(t, "world\n")...), "hello\nworld\n"},
		{"bzip2", bz, "hello\n"},
		{"almost bzip2", []byte("BZh9 is how bzip2 starts\n"), "BZh9 is how bzip2 starts\n"},
	} {
		s, err := Bytes(c.name, c.in).Open()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got, err := io.ReadAll(s)
		if err != nil || string(got) != c.want || s.Warning() != "" {
			t.Errorf("%s: %d bytes, %v, warning %q; want %d bytes", c.name, len(got), err, s.Warning(), len(c.want))
		}
		if s.StoredBytes() != int64(len(c.in)) {
			t.Errorf("%s: %d bytes read, want %d", c.name, s.StoredBytes(), len(c.in))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Whatever the place at which a compressed file was cut, what comes out is the start of the text, with a warning.
func TestTruncated(t *testing.T) {
	var text strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&text, "line %d %x\n", i, i*2654435761)
	}
	for name, whole := range map[string][]byte{"gzip": gzipped(t, text.String()), "zstd": zstded(t, text.String())} {
		for n := 4; n < len(whole); n += len(whole)/50 + 1 {
			s, err := Bytes(name, whole[:n]).Open()
			if err != nil {
				t.Fatalf("%s cut at %d: %v", name, n, err)
			}
			got, err := io.ReadAll(s)
			if err != nil || !strings.HasPrefix(text.String(), string(got)) || s.Warning() == "" {
				t.Errorf("%s cut at %d: %d bytes, error %v, warning %q", name, n, len(got), err, s.Warning())
			}
			s.Close()
		}
	}
	whole := gzipped(t, text.String())
	s, err := Bytes("junk", append(whole, "junk that is no member"...)).Open()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(s)
	if err != nil || string(got) != text.String() || !strings.Contains(s.Warning(), "gzip") {
		t.Errorf("junk at the end: %d bytes, %v, warning %q", len(got), err, s.Warning())
	}
}

func TestRefused(t *testing.T) {
	for in, want := range map[string]string{
		"\xfd7zXZ\x00xx":           "xz",
		"PK\x03\x04xxxx":           "zip",
		"\xff\xfeh\x00i\x00\n\x00": "UTF-16",
	} {
		if _, err := Bytes("x", []byte(in)).Open(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%q) = %v, want an error with %q", in, err, want)
		}
	}
	if _, err := (Input{Name: "x"}).Open(); err == nil {
		t.Error("an input without content could be opened")
	}
}

// An error of the disk is an error, also below a decompressor.
func TestDiskError(t *testing.T) {
	broken := errors.New("disk on fire")
	whole := gzipped(t, strings.Repeat("text\n", 1000))
	r := io.MultiReader(bytes.NewReader(whole[:len(whole)/2]), failing{broken})
	s, err := Reader("x", r).Open()
	if err == nil {
		_, err = io.ReadAll(s)
	}
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// What is refused as a log is a file all the same.
func TestOpenAny(t *testing.T) {
	for _, in := range []string{"\xfd7zXZ\x00xx", "PK\x03\x04xxxx", "\xff\xfeh\x00i\x00\n\x00", "\xef\xbb\xbfx", ""} {
		for name, stored := range map[string][]byte{"plain": []byte(in), "gzip": gzipped(t, in)} {
			s, err := Bytes("x", stored).OpenAny()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(s); err != nil || string(got) != in {
				t.Errorf("%s %q: got %q, %v", name, in, got, err)
			}
		}
	}
}

// Whatever was looked at before, an input that can be read only once gives all of its bytes.
func TestHead(t *testing.T) {
	long := strings.Repeat("a line of log, like others\n", 100000)
	for _, text := range []string{"", "x", long} {
		for name, stored := range map[string][]byte{"plain": []byte(text), "gzip": gzipped(t, text)} {
			for kind, in := range map[string]Input{"bytes": Bytes(name, stored), "once": Reader(name, bytes.NewReader(stored))} {
				for _, n := range []int{10, 1000, 10} {
					head, whole, err := in.Head(n)
					if err != nil || string(head) != text[:min(n, len(text))] || whole != (len(text) < n) {
						t.Errorf("%s, %s: first %d bytes are %d (all: %v), %v", name, kind, n, len(head), whole, err)
					}
				}
				s, err := in.Open()
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(s); err != nil || string(got) != text {
					t.Errorf("%s, %s: %d bytes after looking, %v; want %d", name, kind, len(got), err, len(text))
				}
			}
		}
	}
}
