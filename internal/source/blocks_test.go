package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// allLines reads text in blocks and writes its lines down, one per line, with all that is known of them.
func allLines(t testing.TB, r io.Reader, o BlockOptions) string {
	t.Helper()
	var out strings.Builder
	bs := NewBlocks(r, o)
	line, offset := int64(1), int64(0)
	for {
		b, err := bs.Next()
		if err == io.EOF {
			return out.String()
		}
		if err != nil {
			fmt.Fprintf(&out, "error %v\n", err)
			return out.String()
		}
		if b.Line != line || b.Offset != offset {
			t.Fatalf("block starts at line %d, offset %d; want line %d, offset %d", b.Line, b.Offset, line, offset)
		}
		n := int64(0)
		for it := b.Iter(); it.Next(); n++ {
			fmt.Fprintf(&out, "%d %d %q %v\n", it.Number, it.Offset, it.Text, it.Cut)
		}
		if n != b.Lines {
			t.Fatalf("block says %d lines and has %d", b.Lines, n)
		}
		line += n
		offset = b.Offset + b.Size
		b.Release()
	}
}

func TestBlocks(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"a", `1 0 "a" false`},
		{"a\n", `1 0 "a" false`},
		{"a\r\n\r\nb\x00c\n\n", `1 0 "a" false|2 3 "" false|3 5 "b\x00c" false|4 9 "" false`},
		{"a\rb\r", `1 0 "a\rb" false`},
		{"12345678\nx\n", `1 0 "12345678" false|2 9 "x" false`},
		{"123456789\nx\n", `1 0 "12345678" true|2 10 "x" false`},
		{"1234567\r9\nx", `1 0 "1234567\r" true|2 10 "x" false`},
		{"123456789", `1 0 "12345678" true`},
		{"a\n" + strings.Repeat("z", 100) + "\nb\n\nc", `1 0 "a" false|2 2 "zzzzzzzz" true|3 103 "b" false|4 105 "" false|5 106 "c" false`},
	} {
		want := ""
		if c.want != "" {
			want = strings.ReplaceAll(c.want, "|", "\n") + "\n"
		}
		for size := 1; size < 20; size++ {
			o := BlockOptions{BlockSize: size, MaxLine: 8}
			if got := allLines(t, strings.NewReader(c.text), o); got != want {
				t.Errorf("block size %d: lines of %q\n%swant\n%s", size, c.text, got, want)
			}
			if got := allLines(t, iotest.OneByteReader(strings.NewReader(c.text)), o); got != want {
				t.Errorf("byte by byte, block size %d: lines of %q\n%swant\n%s", size, c.text, got, want)
			}
		}
	}
}

// randomText has short and long lines, and line ends of both kinds.
func randomText(r *rand.Rand, size int) string {
	var b strings.Builder
	for b.Len() < size {
		for range r.IntN(30) * (1 + r.IntN(4)) {
			b.WriteByte("ab#\x00\xff\r \t"[r.IntN(8)])
		}
		b.WriteString([]string{"\n", "\r\n", "\n\n"}[r.IntN(3)])
	}
	return b.String()[:size]
}

func TestBlockSizeDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		text := randomText(r, 1+r.IntN(2000))
		want := allLines(t, strings.NewReader(text), BlockOptions{BlockSize: 1 << 16, MaxLine: 40})
		o := BlockOptions{BlockSize: 1 + r.IntN(200), MaxLine: 40}
		if got := allLines(t, strings.NewReader(text), o); got != want {
			t.Fatalf("%+v: lines of %q\n%swant\n%s", o, text, got, want)
		}
	}
}

func TestNextFrom(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		text := randomText(r, 1+r.IntN(1000))
		bs := NewBlocks(strings.NewReader(text), BlockOptions{BlockSize: 100, MaxLine: 1000})
		for {
			b, err := bs.Next()
			if err != nil {
				break
			}
			var got, want []string
			for it := b.Iter(); it.Next(); {
				if it.Number == 1 || bytes.HasPrefix(it.Text, []byte("#")) {
					want = append(want, fmt.Sprintf("%d %d %q", it.Number, it.Offset, it.Text))
				}
			}
			for it := b.Iter(); it.NextFrom('#'); {
				got = append(got, fmt.Sprintf("%d %d %q", it.Number, it.Offset, it.Text))
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%q: got %q, want %q", b.Data, got, want)
			}
		}
	}
}

// What was read before a failure is not lost.
func TestBlocksAfterError(t *testing.T) {
	r := io.MultiReader(strings.NewReader("a\nb\nhalf"), iotest.ErrReader(errors.New("gone")))
	got := allLines(t, r, BlockOptions{BlockSize: 100})
	if want := "1 0 \"a\" false\n2 2 \"b\" false\n3 4 \"half\" false\nerror gone\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// A line of many megabytes takes the memory of one line of the longest kind.
func TestEndlessLine(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	bs := NewBlocks(io.LimitReader(zeros{}, 64<<20), BlockOptions{})
	for {
		if _, err := bs.Next(); err != nil {
			break
		}
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 8<<20 {
		t.Errorf("64 MiB without a line end took %d bytes", allocated)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func BenchmarkBlocks(b *testing.B) {
	line := strings.Repeat("x", 300) + "\n"
	text := []byte(strings.Repeat(line, 100000))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		bs := NewBlocks(bytes.NewReader(text), BlockOptions{})
		for {
			block, err := bs.Next()
			if err != nil {
				break
			}
			for it := block.Iter(); it.Next(); {
			}
			block.Release()
		}
	}
}
