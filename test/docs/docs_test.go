// Package docs runs every command block of the documentation.
//
// A block that starts with ```sh is run by sh, as it stands, in an empty directory that the blocks of one document share,
// with the weir of this checkout on the path. It fails when a command does. Other blocks show things: ```text for output
// and diagrams, ```json for data; a fence that says neither is an error, so no command escapes by its label.
//
// `make` in a block is asked only whether it knows the target (make -n): the targets run these tests. A block that needs
// jq is skipped where there is none, and fails there when CI=true.
//
// A block that starts with ```python is run by Python in the same directory: by $WEIR_PYTHON, else by /usr/bin/python3. It is
// skipped where that, or a module, is missing, and fails there when CI=true.
//
// A block that starts with ```text rows=1,5 is what the commands before it print, shortened to the page's head and those
// campaigns, or rows of suspects. It has to be true to the letter; `go test ./test/docs -update` rewrites it.
package docs

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/test/built"
)

var update = flag.Bool("update", false, "rewrite the output that documents show")

// A block is one fenced block of a document.
type block struct {
	label string
	rows  []string // of the output that it shows
	line  int      // of its fence
	text  string
}

// labels are the fences a document may use; sh and python are run.
var labels = map[string]bool{"sh": true, "python": true, "text": true, "json": true, "go": true}

const preamble = `set -eu
make() {
	command -v make >/dev/null || return 0
	command make -n -C "$WEIR_ROOT" "$@" >/dev/null
}
`

func documents(t *testing.T, root string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(root, "docs"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(name) == ".md" {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 5 {
		t.Fatalf("found only the documents %q", names)
	}
	return names
}

// blocks returns the fenced blocks of a document.
func blocks(t *testing.T, name string) []block {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []block
	open := false
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if label, ok := strings.CutPrefix(strings.TrimSpace(line), "```"); ok {
			if !open {
				label, rows, shows := strings.Cut(label, " rows=")
				out = append(out, block{label: label, line: n})
				if shows {
					out[len(out)-1].rows = strings.Split(rows, ",")
				}
			}
			open = !open
			continue
		}
		if open {
			out[len(out)-1].text += line + "\n"
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if open {
		t.Fatalf("%s:%d: the block is not closed", name, out[len(out)-1].line)
	}
	return out
}

func TestCommands(t *testing.T) {
	root, err := built.Root()
	if err != nil {
		t.Fatal(err)
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skipf("\n\n*** SKIPPED: commands in the documentation are NOT tested: there is no sh on this machine\n\n")
	}
	bin := t.TempDir()
	if _, err := built.Weir(root, bin); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, name := range documents(t, root) {
		rel, _ := filepath.Rel(root, name)
		dir := t.TempDir()
		var printed string
		for _, b := range blocks(t, name) {
			if !labels[b.label] {
				t.Errorf("%s:%d: the fence says %q; it should be sh or python for what is run, or text, json or go", rel, b.line, b.label)
			}
			if b.rows != nil {
				compare(t, name, b, printed)
			}
			if b.label == "python" {
				t.Run(fmt.Sprintf("%s:%d", filepath.ToSlash(rel), b.line), func(t *testing.T) { python(t, dir, b.text) })
			}
			if b.label != "sh" || rel == filepath.Join("docs", "scale.md") { // test/cluster runs those, on its engines
				continue
			}
			ran++
			t.Run(fmt.Sprintf("%s:%d", filepath.ToSlash(rel), b.line), func(t *testing.T) {
				if regexp.MustCompile(`\bjq\b`).MatchString(b.text) {
					needJQ(t)
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				cmd := exec.CommandContext(ctx, shell, "-c", preamble+b.text)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "NO_COLOR=1",
					"WEIR_ROOT="+root, "TMPDIR="+t.TempDir())
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%s\nprinted\n%s", err, b.text, out)
				}
				t.Logf("%s", out)
				printed = string(out)
			})
		}
	}
	if ran == 0 {
		t.Fatal("no document has a block of commands")
	}
}

// patience is how long a block may take. It ends what hangs, and is far from what one takes on a machine that is slow and busy.
const patience = 15 * time.Minute

// python runs a script.
func python(t *testing.T, dir, script string) {
	t.Helper()
	name := os.Getenv("WEIR_PYTHON")
	if name == "" {
		name = "/usr/bin/python3"
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, "-c", script)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	missing := regexp.MustCompile(`ModuleNotFoundError: .*|ImportError: .*`).Find(out)
	switch {
	case err == nil:
		t.Logf("%s", out)
	case missing == nil && !errors.Is(err, fs.ErrNotExist):
		t.Fatalf("%v\n%s\nprinted\n%s", err, script, out)
	case os.Getenv("CI") == "true":
		t.Fatalf("CI=true, and %s cannot run a script of the documentation: %v\n%s", name, err, out)
	default:
		t.Skipf("\n\n*** SKIPPED: a script of the documentation is NOT tested: %s: %v %s\n\n", name, err, missing)
	}
}

// compare holds a block to the output that it shows.
func compare(t *testing.T, name string, b block, printed string) {
	t.Helper()
	want := shorten(printed, b.rows)
	if want == b.text {
		return
	}
	if !*update {
		t.Errorf("%s:%d: the output is not what the commands print today (go test ./test/docs -update rewrites it); they print\n%s",
			filepath.Base(name), b.line, want)
		return
	}
	if b.text == "" || strings.TrimSpace(printed) == "" { // no command ran, or there is no telling which empty place is meant
		t.Fatalf("%s:%d: the commands printed %q, which is not written over %q", filepath.Base(name), b.line, printed, b.text)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(text), b.text, want, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

var listStart = regexp.MustCompile(`\n(Campaigns|Suspects)  `)

var rowStart = regexp.MustCompile(`^ *(\d+)  score `)

// shorten keeps of a hunt's page the head, the given campaigns or rows of suspects, and a mark where others were.
func shorten(page string, rows []string) string {
	at := listStart.FindStringIndex(page)
	if at == nil {
		return page
	}
	title, rest, _ := strings.Cut(page[at[0]+1:], "\n")
	out := page[:at[0]] + "\n" + title + "\n"
	cut, listed := false, false
	for i, row := range strings.Split(rest, "\n\n") {
		m := rowStart.FindStringSubmatch(strings.TrimPrefix(row, "\n"))
		switch {
		case m == nil && listed: // what comes after the list
		case m == nil && strings.TrimSpace(row) == "":
		case m == nil: // what the list begins with
			if i > 0 {
				out += "\n"
			}
			out += strings.Trim(row, "\n") + "\n"
		case slices.Contains(rows, m[1]):
			if cut {
				out += "\n  …\n"
			}
			out += "\n" + strings.Trim(row, "\n") + "\n"
			cut, listed = false, true
		default:
			cut, listed = true, true
		}
	}
	if cut {
		out += "\n  …\n"
	}
	return out
}

func needJQ(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("jq"); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("CI=true, and there is no jq on this machine")
	}
	t.Skip("\n\n*** SKIPPED: there is no jq on this machine\n\n")
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)

// TestLinks: what a document points to within the project is there.
func TestLinks(t *testing.T) {
	root, err := built.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range documents(t, root) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), filepath.FromSlash(m[1]))); err != nil {
				rel, _ := filepath.Rel(root, name)
				t.Errorf("%s points to %s, which is not there", rel, m[1])
			}
		}
	}
}

// TestNoBinaries: nothing that a compiler made is in version control.
func TestNoBinaries(t *testing.T) {
	root, err := built.Root()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("git", "-C", root, "ls-files", "-z").Output()
	if err != nil {
		t.Skipf("not a checkout: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		f, err := os.Open(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			continue // deleted here and not yet there
		}
		var head [4]byte
		_, _ = f.Read(head[:])
		_ = f.Close()
		if string(head[:]) == "\x7fELF" || string(head[:2]) == "MZ" || runtime.GOOS == "darwin" && string(head[:]) == "\xcf\xfa\xed\xfe" {
			t.Errorf("%s is a compiled program in version control", name)
		}
	}
}
