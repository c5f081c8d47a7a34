package mapreduce

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/source"
)

// TestHeaderAtSeam: a part whose header is its last line, or that ends before the head of its log does, leaves to those behind it another
// state than they know of. That is refused, as a header within a part is.
func TestHeaderAtSeam(t *testing.T) {
	var zeek []string
	for k := range 2 {
		zeek = append(zeek, fmt.Sprintf("#fields\tts\tid.orig_h\t%s", []string{"proto", "service"}[k]))
		for i := range 500 {
			zeek = append(zeek, fmt.Sprintf("17723232%02d.5\t10.0.0.%d\tx%d", i%100, i%9, i%3))
		}
	}
	days := []string{"#Software: x", "#Fields: time c-ip cs-method cs-uri-stem sc-status"}
	for day := range 2 {
		days = append(days, fmt.Sprintf("#Date: 2026-03-%02d 00:00:00", 1+day))
		for i := range 10 {
			days = append(days, fmt.Sprintf("00:00:%02d 10.0.0.%d GET /x%d 200", i, i%9, i%3))
		}
	}
	refused := func(what string, in source.Input, splits func(p *Plan) []Split, want error) {
		t.Helper()
		p := planOf(t, JobCount, []source.Input{in})
		out, _, err := Local(t.Context(), p, CountJob(p, enrichment), each(splits(p)), 1, true, MapOptions{Open: openFile})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = Assemble(p, CountKinds(), bytes.NewReader(out), NewCounted(p).Take); !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	file := func(lines []string, rows int) source.Input {
		name := filepath.Join(t.TempDir(), "x")
		if rows == 0 {
			if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		} else {
			table := make([]textLine, len(lines))
			for i := range lines {
				table[i].Value = lines[i]
			}
			tableFile(t, name, int64(rows), table...)
		}
		in, err := source.File(name)
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	groups := func(p *Plan) []Split { return p.Splits(1) }
	refused("a table with a header behind a part", file(zeek, 502), groups, ErrHeader)
	refused("a table whose head is of two days", file(days, 8), groups, ErrHeader)
	refused("a table whose head is of one day", file(days[:13], 8), groups, nil)
	refused("a table whose header is in two parts", file(days[:13], 2), groups, nil)
	for _, more := range []int64{0, 1} {
		refused("a log with a header behind a part", file(zeek, 0), func(p *Plan) []Split {
			at := int64(len(strings.Join(zeek[:502], "\n"))) + more
			return []Split{{Length: at}, {Start: at, Length: p.Inputs[0].Size - at}}
		}, ErrHeader)
	}
}
