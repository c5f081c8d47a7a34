package term

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain text":             "plain text",
		"a\x1b[2Jb":              `a\x1b[2Jb`,
		"\u202egpj.exe":          `\u202egpj.exe`,
		"zero\u200bwidth":        `zero\u200bwidth`,
		"bad\xffutf":             `bad\xffutf`,
		"c1\u009b31m":            `c1\u009b31m`,
		"tab\tnl\n":              `tab nl\x0a`,
		"grüße 世界":               "grüße 世界",
		"\u2028\ufeff\U000e0041": `\u2028\ufeff\U000e0041`,
		"nb\u00a0sp":             "nb sp",
		"filler\u3164":           `filler\u3164`,
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b]0;title\x07b\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		out := Clean(s)
		if !utf8.ValidString(out) {
			t.Errorf("%q is not valid UTF-8", out)
		}
		for _, r := range out {
			if !unicode.IsPrint(r) {
				t.Errorf("%q keeps %U", out, r)
			}
		}
	})
}

func TestCut(t *testing.T) {
	if got := Cut("abcdef", 4); got != "abc…" {
		t.Error(got)
	}
	if got := CutMiddle("/var/log/nginx/access.log", 15); Width(got) > 15 || !strings.HasSuffix(got, "s.log") {
		t.Error(got)
	}
	for n, want := range map[int]string{0: "0", 12: "12", 1234: "1,234", -1234: "-1,234", 1234567: "1,234,567", -123: "-123"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %s", n, got)
		}
	}
}
