package main

import "testing"

func TestLineOf(t *testing.T) {
	tests := []struct {
		text, file string
		line       int64
	}{
		{"access.log:3", "access.log", 3},
		{"logs/access:7", "logs/access", 7},
		{"C:\\logs\\access:7", "C:\\logs\\access", 7},
		{"testdata:7", "testdata", 7}, // it is there
		{"-:12", "-", 12},
		{"2001:db8::1", "", 0},
		{"10.0.0.5:80", "", 0},
		{"10.0.0.5", "", 0},
		{"localhost:8080", "", 0},
		{"url.path=/a:3", "", 0},
		{"url.path:segment=3", "", 0},
		{"access.log:0", "", 0},
		{"access.log:-1", "", 0},
		{":5", "", 0},
		{"", "", 0},
	}
	for _, test := range tests {
		if file, line := lineOf(test.text); file != test.file || line != test.line {
			t.Errorf("%q: got %q line %d, want %q line %d", test.text, file, line, test.file, test.line)
		}
	}
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{"a/b.log": "a/b.log", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'",
		"2026-02-25T01:30:00Z/x": "2026-02-25T01:30:00Z/x", "Ä": "'Ä'"} {
		if got := shellQuote(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}
