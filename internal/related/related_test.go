package related

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/format"
	"weir/internal/source"
	"weir/internal/token"
)

// logs are two files of an ordinary shop with three odd visits: two with the same tool, one from the same network.
func logs() []source.Input {
	var a, b strings.Builder
	for i := range 300 {
		fmt.Fprintf(&a, "198.51.100.%d - - [02/Mar/2026:10:%02d:%02d +0000] \"GET /item/%d HTTP/1.1\" 200 %d \"-\" \"Mozilla/5.0 Firefox/%d\"\n",
			1+i%90, i/60, i%60, i%40, 900+i%7, 100+i%3)
	}
	a.WriteString("203.0.113.7 - - [02/Mar/2026:11:00:00 +0000] \"GET /old/setup.php HTTP/1.1\" 404 12 \"-\" \"sqlmap/1.8\"\n")
	b.WriteString("203.0.113.7 - - [02/Mar/2026:11:00:09 +0000] \"GET /old/shell.php HTTP/1.1\" 200 77 \"-\" \"sqlmap/1.8\"\n")
	b.WriteString("203.0.113.99 - - [02/Mar/2026:12:00:00 +0000] \"GET /item/3 HTTP/1.1\" 200 903 \"-\" \"Mozilla/5.0 Firefox/101\"\n")
	b.WriteString("192.0.2.5 - - [02/Mar/2026:12:30:00 +0000] \"POST /login HTTP/1.1\" 302 0 \"-\" \"sqlmap/1.8\"\n")
	b.WriteString("garbage\n")
	return []source.Input{source.Bytes("a.log", []byte(a.String())), source.Bytes("b.log", []byte(b.String()))}
}

func options(q Query) Options {
	return Options{Query: q, Seed: 7, Enrich: func() *token.Enrichment { return token.NewEnrichment(time.UTC, nil) },
		Scan: format.ScanOptions{Blocks: source.BlockOptions{BlockSize: 700}}}
}

// places writes the best n hits as file:line, in that order.
func places(r *Result, n int) string {
	var out []string
	for _, h := range r.Hits[:min(n, len(r.Hits))] {
		out = append(out, fmt.Sprintf("%s:%d", h.File, h.Line))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestFind(t *testing.T) {
	address := netip.MustParseAddr
	tests := []struct {
		name  string
		query Query
		seeds uint64
		best  string // the best hits, in order of place
	}{
		{"line", Query{File: 1, Line: 1}, 1, "a.log:301 b.log:2 b.log:3"},
		{"address", Query{Address: address("203.0.113.7")}, 2, "b.log:2 b.log:3"},
		{"the same address written as IPv6", Query{Address: address("::ffff:203.0.113.7")}, 2, "b.log:2 b.log:3"},
		{"part", Query{Text: "user_agent.original:product=sqlmap"}, 3, "b.log:2"},
		{"value of a field", Query{Text: "url.path=/old/shell.php"}, 1, "a.log:301"},
		{"value of any field", Query{Text: "/old/shell.php"}, 1, "a.log:301"},
		{"pair", Query{Text: "source.ip×user_agent.name=203.0.113.7 × sqlmap"}, 2, "b.log:2 b.log:3"},
		{"derived value", Query{Text: "source.ip:network=203.0.113.0/24"}, 3, "b.log:3"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := Find(context.Background(), logs(), options(test.query))
			if err != nil {
				t.Fatal(err)
			}
			if r.Seeds.Count != test.seeds || r.Seeds.Count+r.Others != 304 {
				t.Errorf("got %d seeds and %d others, want %d of 304", r.Seeds.Count, r.Others, test.seeds)
			}
			if got := places(r, strings.Count(test.best, " ")+1); got != test.best {
				t.Errorf("the best hits are %s, want %s", got, test.best)
			}
			for i, h := range r.Hits {
				sum := 0.0
				for _, s := range h.Shared {
					sum += s.Vote
					if s.Others == 0 || s.Vote > s.Weight {
						t.Errorf("hit %d shares %+v", i, s)
					}
				}
				if diff := sum - h.Score; diff > 1e-5 || diff < -1e-5 {
					t.Errorf("hit %d scores %v, its votes add up to %v", i, h.Score, sum)
				}
			}
		})
	}
}

// TestNothing holds what is said where no event matches.
func TestNothing(t *testing.T) {
	tests := []struct {
		query  Query
		reason string
		near   string
		line   int64
	}{
		{Query{File: 1, Line: 4}, "line 4 of b.log holds no record", "", 3},
		{Query{File: 0, Line: 999}, "there is no line 999 in a.log, which has 301", "", 301},
		{Query{Address: netip.MustParseAddr("203.0.113.8")}, "no event has the address 203.0.113.8", "203.0.113.7", 0},
		{Query{Text: "sqlmap"}, `no event carries "sqlmap"`, "user_agent.original:product=sqlmap", 0},
		{Query{Text: "url.path=shell.php"}, `no event carries "url.path=shell.php"`, "url.path:segment=shell.php", 0},
		{Query{Text: "zzz"}, `no event carries "zzz"`, "", 0},
	}
	for _, test := range tests {
		q := test.query
		_, err := Find(context.Background(), logs(), options(q))
		var nothing *NothingError
		if !errors.As(err, &nothing) || !errors.Is(err, ErrNoSeeds) {
			t.Errorf("%+v: %v", q, err)
			continue
		}
		near := ""
		if len(nothing.Near) > 0 {
			near = nothing.Near[0].Token
		}
		if q.Line == 4 {
			nothing.Reason, _, _ = strings.Cut(nothing.Reason, ":")
		}
		if nothing.Reason != test.reason || near != test.near || nothing.Line != test.line {
			t.Errorf("%+v: got %q, near %q, line %d; want %q, %q, %d", q, nothing.Reason, near, nothing.Line, test.reason, test.near, test.line)
		}
	}
}

// TestSameAnswer holds that neither workers nor hash seeds nor the order of files nor the limit change what comes first.
func TestSameAnswer(t *testing.T) {
	for _, fold := range []bool{false, true} {
		var want []Hit
		for _, workers := range []int{1, 2, 8} {
			for _, limit := range []int{3, 1000} {
				o := options(Query{Address: netip.MustParseAddr("203.0.113.7")})
				o.Scan.Workers, o.Limit, o.Fold, o.Seed = workers, limit, fold, uint64(workers)
				in := logs()
				if workers == 2 {
					in[0], in[1] = in[1], in[0]
				}
				r, err := Find(context.Background(), in, o)
				if err != nil {
					t.Fatal(err)
				}
				got := r.Hits[:min(3, len(r.Hits))]
				for i := range got {
					for k := range got[i].Shared {
						got[i].Shared[k].number = false
					}
				}
				if want == nil {
					want = got
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%d workers, limit %d, fold %v:\n got %+v\nwant %+v", workers, limit, fold, got, want)
				}
			}
		}
	}
}

func TestFold(t *testing.T) {
	o := options(Query{Text: "url.path=/item/3"})
	o.Fold = true
	r, err := Find(context.Background(), logs(), o)
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	seen := map[string]bool{}
	for _, h := range r.Hits {
		sum += h.Count
		key := h.Shared[0].Name
		if len(h.Shared) > 1 {
			key += " " + h.Shared[1].Name
		}
		if seen[key] {
			t.Errorf("two rows share %s", key)
		}
		seen[key] = true
	}
	if sum != r.Related || len(r.Hits) != r.Rows {
		t.Errorf("%d events in %d rows, want %d in %d", sum, len(r.Hits), r.Related, r.Rows)
	}
}

func TestNamed(t *testing.T) {
	tests := []struct {
		text, field string
		kind        token.Kind
		value       string
	}{
		{"url.path=/a", "url.path", token.Whole, "/a"},
		{"url.path:segment=a=b", "url.path", token.Segment, "a=b"},
		{"url.query:char==", "url.query", token.Odd, "="},
		{"a×b=1 × 2", "a×b", token.Whole, "1 × 2"},
		{"a:b=1", "a:b", token.Whole, "1"},
		{"plain", "", token.Whole, ""},
		{"=x", "", token.Whole, ""},
	}
	for _, test := range tests {
		field, kind, value := named(test.text)
		if field != test.field || kind != test.kind || value != test.value {
			t.Errorf("%s: got %q %v %q", test.text, field, kind, value)
		}
	}
}
