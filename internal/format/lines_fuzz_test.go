package format

import (
	"bytes"
	"errors"
	"testing"

	"weir/internal/event"
)

// hostileLines are fed to every decoder of lines: none may panic or take long.
func hostileLines() [][]byte {
	long := bytes.Repeat([]byte("a"), 1<<20)
	lines := toLines("", " ", "\x00", "\"", "[", "]", "[]", "[\"", "\\", "\"\\", ": ", "<", "<1>", "<34>1", "-",
		"\xff\xfe\xfd", "\xef\xbb\xbf", ",", "\t", ",,,", "\"\"", "\"\"\"", "a,\"b", "[Sun ] \"", "::::", "%", "=",
		"2026-01-02T03:04:05Z", "Jan  2 03:04:05", "Jan  2 03:04:05 ", "2026/01/02 03:04:05 [")
	lines = append(lines, long)
	for _, unit := range []string{"[", "\"", "\\\"", " [1] ", ", client: ", ",", "|", " from ", "] \"", "=\"", "1.1.1.1,",
		`" 200 `, "\\x4", ";", "::", " ; ", "[a b=\"c\"]", "\x00", " [02/Jan/2026:03:04:05 +0000] "} {
		lines = append(lines, bytes.Repeat([]byte(unit), 1<<20/len(unit)))
		lines = append(lines, append([]byte(combinedLine), bytes.Repeat([]byte(unit), 1<<18/len(unit))...))
		lines = append(lines, append([]byte("Jan  2 03:04:05 h sshd[1]: Failed password for x"),
			bytes.Repeat([]byte(unit), 1<<18/len(unit))...))
	}
	return lines
}

func TestHostileLines(t *testing.T) {
	decoders := map[string]Decoder{
		"access": mustNew(t, &access, Options{}),
		"layout": mustNew(t, &access, Options{Format: `$remote_addr - $remote_user [$time_local] "$request" $status $upstream_addr`}),
		"syslog": mustNew(t, &syslog, Options{}),
		"csv":    mustNew(t, &csvFormat, Options{}, "time,a,b,c", "2026-01-02,1,2,3"),
		"text":   mustNew(t, &text, Options{}),
	}
	for name, d := range decoders {
		var e event.Event
		for _, line := range hostileLines() {
			_ = d.Decode(line, &e) // quadratic work on a megabyte runs into the time limit of the whole test
			if len(e.Fields) > event.MaxFields {
				t.Errorf("%s: %d fields for %.40q…", name, len(e.Fields), line)
			}
		}
	}
}

// fuzzDecoder holds the law for every decoder: no panic, the line untouched, the same event again and from a fork, and
// no more fields than an event may have.
func fuzzDecoder(f *testing.F, d Decoder, seeds ...string) {
	for _, line := range hostileLines() {
		if len(line) < 1<<10 {
			f.Add(line)
		}
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		lawOfDecoding(t, d, line)
	})
}

func lawOfDecoding(t *testing.T, d Decoder, line []byte) {
	t.Helper()
	before := bytes.Clone(line)
	var e, again event.Event
	err := d.Decode(line, &e)
	first := show(&e)
	if !bytes.Equal(line, before) {
		t.Fatalf("the line was changed: %q became %q", before, line)
	}
	var bad *Malformed
	if err != nil && err != ErrSkip && !errors.As(err, &bad) {
		t.Fatalf("neither ErrSkip nor *Malformed: %v", err)
	}
	if len(e.Fields) > event.MaxFields {
		t.Fatalf("%d fields", len(e.Fields))
	}
	if err2 := d.Fork(event.NewKeys()).Decode(line, &again); (err == nil) != (err2 == nil) || err == nil && show(&again) != first {
		t.Fatalf("a fork reads %q otherwise:\n%s\n%s", line, first, show(&again))
	}
}

func FuzzAccess(f *testing.F) {
	fuzzDecoder(f, mustNew(f, &access, Options{}, combinedLine+" 22 0.3 a=b"), combinedLine,
		"[Fri Jan 02 03:04:05 2026] [error] [client 192.0.2.1] x, referer: y",
		`2026/01/02 03:04:05 [error] 1#2: *3 m, client: ::1, server: s, request: "GET / HTTP/1.1"`)
}

func FuzzLayout(f *testing.F) {
	f.Add(nginxMain, []byte(combinedLine))
	f.Add(`%v:%p %h %l %u %t \"%r\" %>s %O`, []byte(`h:1 `+combinedLine))
	f.Add(`$host:$time_local $upstream_addr $msec`, []byte("[::1]:1 , : x 1"))
	f.Fuzz(func(t *testing.T, layout string, line []byte) {
		d, err := access.New(nil, Options{Format: layout}, event.NewKeys())
		if err == nil {
			lawOfDecoding(t, d, line)
		}
	})
}

func FuzzSyslog(f *testing.F) {
	fuzzDecoder(f, mustNew(f, &syslog, Options{}), "Jan  2 03:04:05 gate sshd[1]: Failed password for a from 192.0.2.1 port 2 ssh2",
		`<34>1 2026-01-02T03:04:05Z gate su - ID47 [a b="c"] x`, "2026-01-02T03:04:05+0100 gate sudo: a : TTY=b ; USER=c ; COMMAND=d")
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("time,a\n2026-01-02,1"), []byte(`x,"y""z"`))
	f.Add([]byte("sep=;\na;;a"), []byte(`1;2;3`))
	f.Fuzz(func(t *testing.T, sample, line []byte) {
		lines := bytes.Split(sample, []byte("\n"))
		score, reason := csvFormat.Score(lines, Options{})
		if score == 0 && reason == "" {
			t.Fatal("refused without a reason")
		}
		d, err := csvFormat.New(lines, Options{}, event.NewKeys())
		if err != nil {
			t.Fatal(err)
		}
		lawOfDecoding(t, d, line)
		for _, l := range lines {
			lawOfDecoding(t, d, l)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add([]byte("2026-01-02 03:04:05,250 x"), []byte("Jan 2 03:04:05 x"))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		d := mustNew(t, &text, Options{})
		lawOfDecoding(t, d, one)
		lawOfDecoding(t, d, two) // a fork has not seen one
	})
}
