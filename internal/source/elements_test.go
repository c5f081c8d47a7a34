package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

func readAll(t testing.TB, in Input) string {
	t.Helper()
	s, err := in.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	text, err := io.ReadAll(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestElements(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"list", `[{"a":1},{"a":2}]`, `{"a":1}|{"a":2}|`},
		{"list with blanks", " \n[ {\"a\": [1,\n 2]} ,\n{} ]\n", `{"a": [1,2]}|{}|`},
		{"CloudTrail", `{"Records":[{"a":"]}"},{"b":{"c":"\"}"}}]}`, `{"a":"]}"}|{"b":{"c":"\"}"}}|`},
		{"indented", "{\n  \"Records\": [\n    {\n      \"a\": 1,\n      \"b\": \"x  y\"\n    }\n  ]\n}\n", `{"a": 1,"b": "x  y"}|`},
		{"beside the list", `{"value":[{"a":1}], "nextLink" : "u,v}", "n":{"m":[1]}}`, `{"a":1}|{"nextLink" : "u,v}", "n":{"m":[1]}}|`},
		{"lists in a row", `{"Records":[{"a":1}]}` + "\n" + `{"Records":[{"a":2}]}{"records":[]}{"x":3}`, `{"a":1}|{"a":2}|{"records":[]}|{"x":3}|`},
		{"objects over lines", "{\n \"a\": 1\n}\n{\n \"a\": {\"b\":\n  2}\n}", `{"a": 1}|{"a": {"b":2}}|`},
		{"numbers among objects", `[{"a":1},2,"x,]",[3,4],null]`, `{"a":1}|2|"x,]"|[3,4]|null|`},
		{"list that is being written", "[\n{\"a\":1},\n{\"a\":2},\n{\"a\":", `{"a":1}|{"a":2}|{"a":`},
		{"end in a name", `{"Records":[{"a":1}]}{"Rec`, `{"a":1}|{"Rec`},
		{"end beside", `{"Records":[{"a":1}],"n":`, `{"a":1}|{"n":`},

		{"lines of JSON", "{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}|{\"a\":2}|"},
		{"a list in a record", `{"answers":[{"a":1}]}`, `{"answers":[{"a":1}]}`},
		{"a name that only begins alike", `{"Recordset":[{"a":1}]}`, `{"Recordset":[{"a":1}]}`},
		{"a list of numbers", "{\"Records\":[1,2]}\n", "{\"Records\":[1,2]}|"},
		{"a time in brackets", "[Thu Jan 01 00:00:00 2026] [error] x\n", "[Thu Jan 01 00:00:00 2026] [error] x|"},
		{"nothing", "", ""},
		{"a bracket", "[", "["},
		{"a name", `{"Records"`, `{"Records"`},
		{"many blanks", strings.Repeat(" ", 1000) + `[{"a":1}]`, strings.Repeat(" ", 1000) + `[{"a":1}]`},
	} {
		want := strings.ReplaceAll(tt.want, "|", "\n")
		if got := readAll(t, Bytes("x", []byte(tt.in))); got != want {
			t.Errorf("%s: got %q, want %q", tt.name, got, want)
		}
		slow := Reader("x", iotest.OneByteReader(strings.NewReader(tt.in)))
		if got := readAll(t, slow); got != want {
			t.Errorf("%s, byte by byte: got %q, want %q", tt.name, got, want)
		}
		if got := readAll(t, Bytes("x", gzipped(t, tt.in))); got != want {
			t.Errorf("%s, compressed: got %q, want %q", tt.name, got, want)
		}
	}
}

// TestElementsKeepRecords writes records in every shape and wants the same ones back.
func TestElementsKeepRecords(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		records := make([]any, 1+r.IntN(40))
		for i := range records {
			records[i] = map[string]any{"n": i, "text": oddText(r), "deep": []any{map[string]any{oddText(r): oddText(r)}, nil, 1.5}}
		}
		compact, _ := json.Marshal(records)
		indented, _ := json.MarshalIndent(records, "", "\t")
		wrapped, _ := json.MarshalIndent(map[string]any{"Records": records}, "", "  ")
		var objects bytes.Buffer
		for _, x := range records {
			one, _ := json.MarshalIndent(x, "", "    ")
			objects.Write(append(one, '\r', '\n'))
		}
		for shape, text := range map[string][]byte{"list": compact, "indented list": indented, "wrapped": wrapped, "objects": objects.Bytes()} {
			lines := strings.Split(strings.TrimSuffix(readAll(t, Bytes("x", text)), "\n"), "\n")
			if len(lines) != len(records) {
				t.Fatalf("round %d, %s: %d lines of %d records", round, shape, len(lines), len(records))
			}
			for i, line := range lines {
				var got any
				if err := json.Unmarshal([]byte(line), &got); err != nil {
					t.Fatalf("round %d, %s: %v in %q", round, shape, err, line)
				}
				is, _ := json.Marshal(got)
				want, _ := json.Marshal(records[i])
				if !bytes.Equal(is, want) {
					t.Fatalf("round %d, %s: got %s, want %s", round, shape, is, want)
				}
			}
		}
	}
}

func oddText(r *rand.Rand) string {
	const odd = "{}[]\",\\:\n\r\t azé\x00"
	b := make([]rune, r.IntN(12))
	for i := range b {
		b[i] = []rune(odd)[r.IntN(len([]rune(odd)))]
	}
	return string(b)
}

// TestSkipElements: offsets are those of the lines that are given, so that reading can go on from one.
func TestSkipElements(t *testing.T) {
	var text strings.Builder
	text.WriteString("[")
	for i := range 20_000 {
		fmt.Fprintf(&text, "{\"n\": %d},\n", i)
	}
	in := Bytes("x", []byte(text.String()))
	all := readAll(t, in)
	s, err := in.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Skip(100_003); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(s); err != nil || string(rest) != all[100_003:] {
		t.Errorf("after skipping: %v, %d bytes, want %d", err, len(rest), len(all)-100_003)
	}
}

// FuzzElements: whatever is in the file, its bytes come in the same lines however they arrive, and no text of lines is changed.
func FuzzElements(f *testing.F) {
	f.Add(`{"Records":[{"a":1},{"b":[2]}],"x":"y"} [1,{"z":"\""}]`)
	f.Add("{\n\"a\":1}}{]")
	f.Add(`[{"a":1}}]],{`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Bytes("x", []byte(text)).Open()
		if err != nil {
			return // an archive, or UTF-16
		}
		s.Close()
		if s.Compression() != "" {
			return
		}
		whole := readAll(t, Bytes("x", []byte(text)))
		if slow := readAll(t, Reader("x", iotest.OneByteReader(strings.NewReader(text)))); slow != whole {
			t.Errorf("%q: %q at once, %q byte by byte", text, whole, slow)
		}
		if seen, _ := shapeOf([]byte(text[:min(len(text), maxWrapper)])); seen <= lines && strings.TrimPrefix(text, "\ufeff") != whole {
			t.Errorf("%q: changed into %q", text, whole)
		}
		if len(whole) > 3*len(text)+2 {
			t.Errorf("%q grew to %q", text, whole)
		}
	})
}
