package partition

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/format"
	"weir/internal/source"
	"weir/internal/token"
)

// kinds are three kinds of requests: shoppers, an uptime check, a scanner.
func kinds(n int) []source.Input {
	var a, b strings.Builder
	for i := range n {
		at := fmt.Sprintf("25/Feb/2026:%02d:%02d:%02d +0000", i/3600%24, i/60%60, i%60)
		fmt.Fprintf(&a, "192.0.2.%d - - [%s] \"GET /shop/p%d HTTP/1.1\" 200 %d \"https://shop.example/\" \"Mozilla/5.0 (X11; Linux) Firefox/%d\"\n", i%200, at, i%97, 3000+i*7%800, 100+i%9)
		fmt.Fprintf(&a, "198.51.100.9 - - [%s] \"HEAD /health/%d HTTP/1.1\" 204 0 \"-\" \"check/1.%d\"\n", at, i, i%5)
		fmt.Fprintf(&b, "203.0.113.%d - - [%s] \"POST /login?user=%d'%%20or%%201=1 HTTP/1.0\" 500 %d \"-\" \"sqlmap/1.%d\"\n", i%5, at, i, 400+i%50, i%4)
	}
	return []source.Input{source.Bytes("a.log", []byte(a.String())), source.Bytes("b.log", []byte(b.String()))}
}

func options(workers int) Options {
	return Options{Groups: 3, Enrich: func() *token.Enrichment { return token.NewEnrichment(time.UTC, nil) },
		Scan: format.ScanOptions{Workers: workers, Blocks: source.BlockOptions{BlockSize: 4 << 10}}}
}

func divide(t *testing.T, inputs []source.Input, o Options) *Result {
	t.Helper()
	r, _, err := Records(context.Background(), inputs, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRecords: three kinds of requests are three groups, by every method, and what each is stands in its tokens.
func TestRecords(t *testing.T) {
	inputs := kinds(300)
	for _, l := range append([]Linkage{""}, Linkages...) {
		o := options(2)
		o.Linkage = l
		r := divide(t, inputs, o)
		if len(r.Groups) != 3 || r.All != 900 || r.Records != 900 || r.Share != 1 {
			t.Fatalf("%q: %+v", l, r)
		}
		var of []string
		for _, g := range r.Groups {
			if g.Records != 300 || len(g.Traits) == 0 {
				t.Errorf("%q: %+v", l, g)
			}
			var tokens []string
			for _, x := range g.Traits {
				if !(x.Share >= mostly && x.Share <= 1 && x.Others >= 0 && x.Share-x.Others >= apart) || strings.Contains(x.Token, "ip=") {
					t.Errorf("%q: %+v", l, x)
				}
				tokens = append(tokens, x.Token)
			}
			for _, name := range []string{"health", "login", "shop"} {
				if slices.Contains(tokens, "url.path:segment="+name) || slices.Contains(tokens, "url.path=/"+name) {
					of = append(of, name)
				}
			}
			lines := strings.Split(text(t, inputs[g.File]), "\n")
			if string(g.Raw) != lines[g.Line-1] {
				t.Errorf("%q: the example is %q, its line %q", l, g.Raw, lines[g.Line-1])
			}
		}
		slices.Sort(of)
		if want := []string{"health", "login", "shop"}; !slices.Equal(of, want) {
			t.Errorf("%q: groups are known by %q, want %q", l, of, want)
		}
	}
}

func text(t *testing.T, in source.Input) string {
	t.Helper()
	r, err := in.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b strings.Builder
	buf := make([]byte, 1<<16)
	for {
		n, err := r.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return b.String()
		}
	}
}

// TestRecordsSame: the same for any number of workers, also where not all contents are compared.
func TestRecordsSame(t *testing.T) {
	inputs := kinds(300)
	for _, most := range []int{0, 40} {
		for _, l := range []Linkage{"", Ward} {
			o := options(1)
			o.Linkage, o.Contents = l, most
			want := divide(t, inputs, o)
			if most > 0 && (want.Contents != most || !(want.Share < .2) || want.Records >= want.All) {
				t.Errorf("%+v", want)
			}
			for _, workers := range []int{2, 5} {
				o.Scan.Workers = workers
				if got := divide(t, inputs, o); !reflect.DeepEqual(got, want) {
					t.Errorf("%d workers: %+v, want %+v", workers, got, want)
				}
			}
		}
	}
}

func TestRecordsLittle(t *testing.T) {
	one := []source.Input{source.Bytes("a.log", []byte(`192.0.2.1 - - [25/Feb/2026:01:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"`+"\n"))}
	for _, l := range []Linkage{"", Average} {
		o := options(1)
		o.Linkage, o.Groups = l, 1
		if r := divide(t, one, o); len(r.Groups) != 1 || r.Groups[0].Records != 1 || r.Groups[0].Line != 1 {
			t.Errorf("%+v", r)
		}
		o.Groups = 2
		if _, _, err := Records(context.Background(), one, o); err == nil || !strings.Contains(err.Error(), "cannot make 2 clusters of 1 distinct contents") {
			t.Errorf("%v", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Records(ctx, kinds(10), options(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestSpread: centres are different rows, the same for the same seed, of rows that differ.
func TestSpread(t *testing.T) {
	var list [][][2]float64
	for i := range 50 {
		list = append(list, [][2]float64{{0, float64(i % 10)}, {1, math.Sqrt(float64(i % 10))}})
	}
	rows := rowsOf(list, 2, nil)
	for seed := range uint64(50) {
		got := Spread(rows, 10, seed)
		if !reflect.DeepEqual(got, Spread(rows, 10, seed)) {
			t.Fatal("the same seed gives others")
		}
		seen := map[float64]bool{}
		for _, c := range got {
			seen[c[0]] = true
		}
		if len(seen) != 10 {
			t.Errorf("seed %d: %d different centres of 10", seed, len(seen))
		}
	}
}

func BenchmarkKMeans(b *testing.B) {
	r := &Rows{Start: []int32{0}, Width: 5000}
	for i := range 10_000 {
		for k := range 40 {
			r.Columns = append(r.Columns, uint32(mix(uint64(i%50*1000+k))%5000))
			r.Values = append(r.Values, float64(mix(uint64(i*41+k))%100)/100)
		}
		r.Start = append(r.Start, int32(len(r.Values)))
	}
	for b.Loop() {
		if _, err := KMeans(r, Spread(r, 8, 1), mostRounds); err != nil {
			b.Fatal(err)
		}
	}
}
