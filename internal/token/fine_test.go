package token

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/event"
)

// fineLines are values as texts, queries, paths and links that a filter takes apart.
var fineLines = []struct{ name, field string }{
	{"a line of a request", "message=GET /shop?id=3&name=Ann+Lee&pass='or+1%3D1-- HTTP/1.1"},
	{"an encoded attack", "url.query=q=%253Cscript%253Ealert(1)%3c/script%3e&b[0]=..%2f..%2fetc%2fpasswd&=x&a="},
	{"a path", "url.path=/uploads/..%2f..%2f%2e%2e/sh.php"},
	{"a link", "http.request.referrer=https://shop.example.co.uk:8443/a/b.html?x=1;y=2#end"},
	{"a number and nothing else", "message=1234567890123456789012345678901234567890"},
	{"words with numbers", "message=Accepted publickey for deploy from 10.0.0.1 port 50022 ssh2: RSA"},
	{"what is odd", "message=!!!! ((((( $$ a==b ==c =d"},
	{"nothing", "message="},
	{"blanks", "message= \t ? & & "},
	{"other scripts", "message=löschen=ja ключ=значение 数据 \xff\xfe\x00\x1b[31m"},
	{"names that are none", "message=9a=1 a b=2 -c=3 " + strings.Repeat("n", 41) + "=4 _x.y-z[0]=5"},
	{"no text", "http.response.status_code=404"},
}

// TestFineGolden shows all tokens that a filter makes of lines. Its change is a change of the scheme: after one that is
// meant, raise Version and run go test ./internal/token -update.
func TestFineGolden(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "scheme version %d\n", Version)
	keys := event.NewKeys()
	c := NewCodifier(1, NewEnrichment(time.UTC, nil))
	for _, l := range fineLines {
		fmt.Fprintf(&b, "\n== %s: %+q\n", l.name, l.field)
		features := c.Codify(makeEvent(keys, l.field))
		name, _, _ := strings.Cut(l.field, "=")
		for i := range features {
			if features[i].Field.Name != name {
				continue
			}
			for _, x := range c.FineTokens(&features[i]) {
				fmt.Fprintf(&b, "%-9s %s\n", x.Kind, strings.Trim(fmt.Sprintf("%+q", x.Text), `"`))
			}
		}
	}
	file := filepath.Join("testdata", "fine.txt")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, old := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(old)) {
		if i >= len(got) || i >= len(old) || got[i] != old[i] {
			t.Fatalf("line %d of %s differs: got %q, want %q", i+1, file, got[min(i, len(got)):min(i+1, len(got))], old[min(i, len(old)):min(i+1, len(old))])
		}
	}
}

// TestLengthBin: bins rise, are exact below 24, and are quarter octaves above.
func TestLengthBin(t *testing.T) {
	for n := range maxSplit + 1 {
		got := lengthBin(n)
		want := n
		if n >= 24 {
			want = 24 + int(math.Floor(4*math.Log2(float64(n)/24)+1e-9))
		}
		if got != want {
			t.Fatalf("lengthBin(%d) = %d, want %d", n, got, want)
		}
	}
}

// maxFineText is the longest text of a token of fine.
const maxFineText = 2*maxText + 1

// FuzzFine: taking apart never fails, FineParts and FineTokens tell the same, texts and how many there are is bounded,
// tokens' hashes are those of their texts, and values that Exact takes for one have the same parts.
func FuzzFine(f *testing.F) {
	for _, l := range fineLines {
		f.Add([]byte(l.field))
	}
	for _, s := range samples {
		for _, field := range s.fields {
			f.Add([]byte(field))
		}
	}
	f.Add([]byte("message=" + strings.Repeat("a1'", 3000)))
	f.Add([]byte("url.query=" + strings.Repeat("x=<&", 3000)))
	f.Add([]byte("message=" + strings.Repeat(`\x41\u0041%2525`, 400)))
	f.Add([]byte("message=" + strings.Repeat("?", 5000) + "=" + strings.Repeat("z", 5000)))
	enrichment := NewEnrichment(nil, nil)
	f.Fuzz(func(t *testing.T, data []byte) {
		e := fuzzedEvent(event.NewKeys(), data, 5)
		c, other := NewCodifier(1, enrichment), NewCodifier(1, enrichment)
		features := slices.Clone(c.Codify(e))
		others := slices.Clone(other.Codify(e))
		for i := range features {
			x := &features[i]
			var parts, named []uint64
			for _, p := range c.FineParts(x, []Part{{Odd, 7}})[1:] {
				if p.Kind >= numKinds {
					t.Fatalf("a part of the kind %d", p.Kind)
				}
				parts = append(parts, p.Hash)
			}
			if parts[0] != x.Hash {
				t.Fatal("the first part is not the value as a whole")
			}
			if most := 3*maxSplit + 2*maxFineWords + 1000; len(parts) > most {
				t.Fatalf("%s: %d parts", x.Field.Name, len(parts))
			}
			for k, token := range c.FineTokens(x) {
				if k > 0 && len(token.Text) > maxFineText && token.Kind != Range {
					t.Fatalf("%s: a %v of %d bytes", x.Field.Name, token.Kind, len(token.Text))
				}
				if k > 0 && partHash(x.Field, token.Kind, []byte(token.Text)) != token.Hash {
					t.Fatalf("%s: the hash of %q is not that of its text", x.Field.Name, token.Text)
				}
				named = append(named, token.Hash)
			}
			slices.Sort(parts)
			slices.Sort(named)
			if !slices.Equal(slices.Compact(parts), named) {
				t.Fatalf("%s: FineParts and FineTokens differ for %q", x.Field.Name, x.Value)
			}
			other.FineParts(&others[len(others)-1-i], nil) // in another order, by another codifier
			var again []uint64
			for _, p := range other.FineParts(&others[i], nil) {
				again = append(again, p.Hash)
			}
			slices.Sort(again)
			if !slices.Equal(slices.Compact(again), named) || others[i].Exact() != x.Exact() {
				t.Fatalf("%s: parts depend on what was taken apart before", x.Field.Name)
			}
			if len(x.Raw) > 0 && len(x.Raw) < maxSplit-2 && x.Field.Left == "" {
				y := *x
				y.Raw = append(slices.Clone(x.Raw), '&', ' ')
				near, _ := x.Near(nil)
				if got, _ := y.Near(nil); got != near {
					t.Fatalf("%q is not near to itself with separators behind it", x.Raw)
				}
			}
		}
	})
}

func BenchmarkFineParts(b *testing.B) {
	keys := event.NewKeys()
	c := NewCodifier(1, NewEnrichment(time.UTC, nil))
	features := slices.Clone(c.Codify(makeEvent(keys, fineLines[0].field)))
	var parts []Part
	for b.Loop() {
		for i := range features {
			parts = c.FineParts(&features[i], parts[:0])
		}
	}
}
