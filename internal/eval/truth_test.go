package eval

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func read(t *testing.T, text string) *Truth {
	t.Helper()
	truth, err := ReadTruth(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return truth
}

func TestReadTruth(t *testing.T) {
	truth := read(t, "\ufeffFile, Line ,Label,Kind\r\n"+
		"web/access.log,3,bad,sql injection\r\n"+
		"web/access.log,4,GOOD\r\n"+
		"web/access.log,4,normal\r\n"+
		"web/access.log, 5,0\n"+
		"web/access.log,6,Attack,\n"+
		"web/access.log,6,1,scan\n"+
		"web/access.log,7,benign,\n"+
		"\"auth, old.log.gz\",9223372036854775807,malicious,\"brute\nforce\"\n")
	if good, bad := truth.Count(); good != 3 || bad != 3 {
		t.Errorf("%d good, %d bad", good, bad)
	}
	for _, c := range []struct {
		file  string
		line  int64
		label string
		kind  string
	}{
		{"web/access.log", 3, Bad, "sql injection"},
		{"web/access.log", 4, Good, ""},
		{"web/access.log", 5, Good, ""},
		{"web/access.log", 6, Bad, "scan"},
		{"web/access.log", 7, Good, ""},
		{"web/access.log", 8, "", ""}, // both are listed, so it has no label
		{"auth, old.log.gz", 1<<63 - 1, Bad, "brute\nforce"},
		{"./web/access.log.zst", 3, Bad, "sql injection"},
		{"/var/log/access.log", 3, Bad, "sql injection"},
		{`C:\logs\access.log.bz2`, 3, Bad, "sql injection"},
		{"auth, old.log", 1<<63 - 1, Bad, "brute\nforce"},
		{"access.log.1", 3, "", ""},
		{"web", 3, "", ""},
		{"", 3, "", ""},
	} {
		label, kind, ok := truth.Label(c.file, c.line)
		if label != c.label || kind != c.kind || ok != (c.label != "") {
			t.Errorf("%s:%d: %q %q %v", c.file, c.line, label, kind, ok)
		}
	}
}

// TestTruthColumns: a header may name the columns in any order, and others.
func TestTruthColumns(t *testing.T) {
	truth := read(t, "label,comment,line,file\nbad,what an hour,3,x\n")
	if label, kind, ok := truth.Label("x", 3); label != Bad || kind != "" || !ok {
		t.Errorf("%q %q %v", label, kind, ok)
	}
}

func TestTruthRule(t *testing.T) {
	for _, c := range []struct {
		text, rule, label string
		ok                bool
	}{
		{"x,1,bad\n", "The list names bad records only, so all other records of the files in it count as good.", Good, true},
		{"x,1,bad\ny,1,good\n", "The list names good and bad records, so records that it does not name have no label.", "", false},
		{"x,1,good\n", "The list names good records only, so all other records have no label.", "", false},
	} {
		truth := read(t, c.text)
		if got := truth.Rule(); got != c.rule {
			t.Error(got)
		}
		if label, _, ok := truth.Label("x", 2); label != c.label || ok != c.ok {
			t.Errorf("%q %v", label, ok)
		}
		if _, _, ok := truth.Label("z", 1); ok {
			t.Error("a file that is not listed has a label")
		}
	}
}

func TestTruthFaults(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "cannot use the list of labels: it is empty"},
		{"header only", "file,line,label\n", "cannot use the list of labels: it is empty"},
		{"several", "x,1,bad\nx,one,bad\nx,0,bad\nx,-3,bad\nx,1.5,bad\nx,2,evil\n,2,bad\nx,2\nx,1,good\n",
			`cannot use the list of labels:
line 2: the line is "one", not a whole number from 1
line 3: the line is "0", not a whole number from 1
line 4: the line is "-3", not a whole number from 1
line 5: the line is "1.5", not a whole number from 1
line 6: the label is "evil", not good or bad
line 7: no file
line 8: 2 of the fields file,line,label
line 9: line 1 of "x" is good here and bad in line 1`},
		{"quotes", "x,1,bad\nx,\"2\"3,bad\nx,2,b\"ad\nx,3,no\n", `cannot use the list of labels:
line 2: extraneous or missing " in quoted-field
line 3: bare " in non-quoted-field
line 4: the label is "no", not good or bad`},
		{"long", long + ",1,bad\nx,1,bad," + long + "\nx,2," + long + "\n", `cannot use the list of labels:
line 1: the file's name has 5000 bytes, more than 4096
line 2: the kind has 5000 bytes, more than 200
line 3: the label is "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…", not good or bad`},
		{"hostile", "x,\x1b[2J,bad\n", `line 1: the line is "\x1b[2J", not`},
		{"many", strings.Repeat("x,y,z\n", 25), "line 10: the line is \"y\", not a whole number from 1\nand 15 more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadTruth(strings.NewReader(c.text))
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), `\u2026`, "…"), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
	broken := errors.New("disk on fire")
	if _, err := ReadTruth(io.MultiReader(strings.NewReader("x,1,bad\n"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

func TestTruthAmbiguous(t *testing.T) {
	truth := read(t, "a/access.log,1,bad\nb/access.log,2,bad\nc/auth.log,1,bad\nc/auth.log.gz,7,bad\n")
	for _, c := range []struct {
		file string
		line int64
		ok   bool
	}{{"a/access.log", 1, true}, {"b/access.log.gz", 2, true}, {"c/access.log", 1, false}, {"access.log", 1, false},
		{"c/auth.log", 1, true}, {"c/auth.log.gz", 7, true}, {"c/auth.log.zst", 1, false}, {"auth.log", 1, true}} {
		if _, _, ok := truth.Label(c.file, c.line); ok != c.ok {
			t.Errorf("%s: %v", c.file, ok)
		}
	}
	for _, c := range []struct {
		files []string
		notes []string
		err   string
	}{
		{[]string{"a/access.log", "b/access.log", "c/auth.log", "c/auth.log.gz"}, nil, ""},
		{[]string{"a/access.log", "a/access.log", "d/auth.log", "e/other.log"}, []string{
			`Found in the list by the base name: "d/auth.log".`,
			`In the list, but not read: "b/access.log", "c/auth.log.gz".`,
			`Not in the list, so without labels: "e/other.log".`}, ""},
		{[]string{"c/access.log"}, nil, `"c/access.log" may be any of "a/access.log", "b/access.log" in the list: list it by its full name`},
		{[]string{"a/access.log", "a/access.log.gz"}, nil,
			`"a/access.log" and "a/access.log.gz" both fit "a/access.log" in the list: list them by their full names`},
		{[]string{"x", "y"}, nil, `none of the 2 files is in the list, which names "a/access.log", "b/access.log", "c/auth.log" and 1 more`},
	} {
		notes, err := truth.Check(c.files)
		if c.err == "" && err != nil || c.err != "" && (err == nil || err.Error() != c.err) || !slices.Equal(notes, c.notes) {
			t.Errorf("%q: %q, %v", c.files, notes, err)
		}
	}
}

// FuzzReadTruth: what is read is found again, and says the same in another order.
func FuzzReadTruth(f *testing.F) {
	f.Add("file,line,label,kind\nx,1,bad,scan\nx,2,good\n")
	f.Add("x,1,bad\nx,1,1,k\na/x.gz,3,0\n\"q\"\"\",4,attack\n")
	f.Add("x,1,bad\nx,1,good\n")
	f.Add("\ufeff,,\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		truth, err := ReadTruth(strings.NewReader(text))
		if err != nil {
			if len(err.Error()) > 20_000 {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		var lines []string
		n := int64(0)
		for _, f := range truth.files {
			for _, e := range f.entries {
				label, kind, ok := truth.Label(f.name, e.line)
				if !ok || label != word(e.bad) || kind != truth.kinds[e.kind] {
					t.Fatalf("%q:%d is %q %q %v", f.name, e.line, label, kind, ok)
				}
				n++
				lines = append(lines, fmt.Sprintf("%q,%d,%s", f.name, e.line, label))
			}
		}
		if good, bad := truth.Count(); good+bad != n || n == 0 {
			t.Fatalf("%d entries, counted %d and %d", n, good, bad)
		}
		if strings.ContainsAny(strings.Join(lines, ""), `\`) {
			return // not as CSV quotes
		}
		slices.Reverse(lines)
		back, err := ReadTruth(strings.NewReader("file,line,label\n" + strings.Join(lines, "\n")))
		if err != nil {
			t.Fatalf("%v of %q", err, lines)
		}
		for _, f := range truth.files {
			for _, e := range f.entries {
				if label, _, ok := back.Label(f.name, e.line); !ok || label != word(e.bad) {
					t.Fatalf("%q:%d is %q %v the second time", f.name, e.line, label, ok)
				}
			}
		}
	})
}
