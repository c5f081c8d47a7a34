package token

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestAppendDecoded(t *testing.T) {
	for _, c := range []struct {
		in   string
		plus bool
		want string
	}{
		{"", false, ""},
		{"Abc", false, "abc"},
		{"ÄB", false, "Äb"}, // only ASCII has its case undone
		{"a+b", false, "a+b"},
		{"a+b", true, "a b"},
		{"a%2Bb", true, "a+b"}, // an escaped plus is one
		{"a%20b", true, "a b"},
		{"%41%62", false, "ab"},
		{"%2527", false, "'"},
		{"%252527", false, "'"},
		{"%25252527", false, "%27"}, // three layers, no more
		{"%u0041%U0042", false, "ab"},
		{`\u0041\U0042`, false, "ab"},
		{"%u00e4", false, "ä"},
		{"%e4", false, "\xe4"},
		{"%c3%a4", false, "ä"},
		{"%u20ac", false, "€"},
		{"%ud800", false, "\ufffd"}, // half a surrogate pair is no character
		{`\x41\x3c`, false, "a<"},
		{`\X41`, false, `\x41`},
		{"%", false, "%"},
		{"%4", false, "%4"},
		{"%zz", false, "%zz"},
		{"%u00g1", false, "%u00g1"},
		{"%%34%31", false, "a"}, // %41 in two steps
		{`\`, false, `\`},
		{`\x4`, false, `\x4`},
		{"%00", false, "\x00"},
	} {
		if got := string(appendDecoded([]byte("X+%41"), []byte(c.in), c.plus)); got != "X+%41"+c.want {
			t.Errorf("%q, plus %v: %q, want %q behind what was there", c.in, c.plus, got, c.want)
		}
	}
}

// percent escapes every byte.
func percent(s []byte) []byte {
	var b []byte
	for _, c := range s {
		b = fmt.Appendf(b, "%%%02X", c)
	}
	return b
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"a=%2527+Union%20", "%u0041\\x41\\u20ac", "%25252525", `\X41`, "%%34%31", "+%2B", "\xff%ff%", "%ud800"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, v []byte) {
		in := bytes.Clone(v)
		for _, plus := range []bool{false, true} {
			got := appendDecoded([]byte("before"), v, plus)
			if !bytes.Equal(v, in) {
				t.Fatalf("%q has become %q", in, v)
			}
			if !bytes.HasPrefix(got, []byte("before")) {
				t.Fatalf("%q: what was there is lost: %q", v, got)
			}
			got = got[len("before"):]
			if len(got) > len(v) {
				t.Fatalf("%q grows to %q", v, got)
			}
			if bytes.ContainsFunc(got, func(r rune) bool { return 'A' <= r && r <= 'Z' }) {
				t.Fatalf("%q gives capitals: %q", v, got)
			}
			// What no escape is left in stays as it is, but for a plus that was escaped.
			if _, more := unescape(bytes.Clone(got)); !more && !plus {
				if again := appendDecoded(nil, got, false); !bytes.Equal(again, got) {
					t.Fatalf("%q gives %q, and that %q", v, got, again)
				}
			}
		}
		if bytes.ContainsAny(v, `\`) {
			return
		}
		// The oracle is net/url, where one layer of percent escapes is all there is.
		if u, err := url.QueryUnescape(string(v)); err == nil && !strings.ContainsAny(u, `%\`) {
			if got := appendDecoded(nil, v, true); string(got) != string(appendLower(nil, []byte(u))) {
				t.Fatalf("%q gives %q, net/url has %q", v, got, u)
			}
		}
		// Up to three layers of escaping are undone.
		if !bytes.ContainsAny(v, "%") && len(v) < 1000 {
			for layers, e := 1, v; layers <= 3; layers++ {
				e = percent(e)
				if got := appendDecoded(nil, e, false); !bytes.Equal(got, appendLower(nil, v)) {
					t.Fatalf("%q behind %d layers gives %q", v, layers, got)
				}
			}
		}
	})
}

func TestShapes(t *testing.T) {
	for in, want := range map[string]string{"": "", "abc": "a", "ABC123": "a9", "a-b--c": "a-a-a", "Ä1€": "a9a", "<<a>>": "<a>", "../../": "././", "a....b": "a.a"} {
		if got := string(appendShape(nil, []byte(in))); got != want {
			t.Errorf("shape of %q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"": "", "a b": "a b", "a1 b": "# b", "10.0.0.1:80": "#.#.#.#:#", "x#1": "x##", "Ä7": "#"} {
		got := appendTemplate(nil, []byte(in))
		if string(got) != want {
			t.Errorf("template of %q: %q, want %q", in, got, want)
		}
		if again := appendTemplate(nil, got); !bytes.Equal(again, got) {
			t.Errorf("template of the template %q: %q", got, again)
		}
	}
}
