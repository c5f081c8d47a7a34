package source

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree makes files with the given paths, and returns their directory.
func tree(t *testing.T, paths ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, p := range paths {
		full := filepath.Join(dir, p)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(p+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestExpand(t *testing.T) {
	dir := tree(t, "b.log", "a.log.gz", "sub/c.log", "sub/.hidden", ".git/config", "trace.pcap", "sub/deep/d", "notes.md")
	t.Chdir(dir)
	if err := os.Symlink("b.log", "link.log"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(".", "sub/loop"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  []string
		want  []string
		notes int
	}{
		{[]string{"b.log"}, []string{"b.log"}, 0},
		{[]string{"b.log", "./b.log", "link.log", filepath.Join(dir, "b.log")}, []string{"b.log"}, 0},
		{[]string{"."}, []string{"a.log.gz", "b.log", "sub/c.log", "sub/deep/d"}, 5},
		{[]string{"sub"}, []string{"sub/c.log", "sub/deep/d"}, 2},
		{[]string{"./sub/"}, []string{"sub/c.log", "sub/deep/d"}, 2},
		{[]string{"*.log"}, []string{"b.log"}, 0},
		{[]string{"s*"}, []string{"sub/c.log", "sub/deep/d"}, 2},
		{[]string{"*.pcap", "b.log"}, []string{"b.log"}, 1},
		{[]string{"trace.pcap"}, []string{"trace.pcap"}, 0}, // named outright, so it is tried
		{[]string{"-", "b.log", "-"}, []string{"-", "b.log"}, 0},
		{[]string{"b.log", "."}, []string{"b.log", "a.log.gz", "sub/c.log", "sub/deep/d"}, 5},
	} {
		inputs, notes, err := ExpandNotes(c.args)
		var got []string
		for _, in := range inputs {
			got = append(got, filepath.ToSlash(in.Name))
		}
		if err != nil || !slices.Equal(got, c.want) || len(notes) != c.notes {
			t.Errorf("ExpandNotes(%q) = %q, notes %q, %v; want %q and %d notes", c.args, got, notes, err, c.want, c.notes)
		}
	}
}

func TestExpandErrors(t *testing.T) {
	t.Chdir(tree(t, "a.log.gz", "empty/.x"))
	for arg, want := range map[string]string{
		"a.log":     `there is "a.log.gz"`,
		"b.log":     "no such file or directory",
		"no/b.log":  `no directory "no" either`,
		"*.txt":     "no file matches",
		"empty":     "holds no log",
		"[":         "syntax error in pattern",
		"empty/z/y": `no directory "empty/z" either`,
	} {
		if _, err := Expand([]string{arg}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Expand(%q) = %v, want an error with %q", arg, err, want)
		}
	}
}

// ExpandAny takes what is no log.
func TestExpandAny(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.png", "b.zip", "c.log", ".hidden"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	inputs, notes, err := ExpandAny([]string{dir})
	if err != nil || len(inputs) != 3 || len(notes) != 1 {
		t.Errorf("%d inputs, notes %q, %v", len(inputs), notes, err)
	}
}
