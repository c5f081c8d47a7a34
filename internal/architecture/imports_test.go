// Package architecture holds the rules of which package may know which, and the test that reads them off the files. It
// has no code of its own.
package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "weir"

// A rule says what a package may import besides the standard library.
type rule struct {
	inside  []string // packages of internal/
	outside []string // modules
	core    bool     // no files, network, clock or chance of its own, and no foreign types in its exported names
}

// rules has one row for every package of internal/, in the order in which the data go through them: a package knows
// only packages above it. cmd/weir alone may know all.
var rules = []struct {
	name string
	rule
}{
	{"event", rule{core: true}},
	{"table", rule{outside: []string{"github.com/andybalholm/brotli", "github.com/klauspost/compress", "github.com/parquet-go/parquet-go",
		"github.com/pierrec/lz4/v4"}, core: true}},
	{"source", rule{inside: []string{"table"}, outside: []string{"github.com/klauspost/compress"}}},
	{"hdfs", rule{inside: []string{"source"}, outside: []string{"github.com/colinmarc/hdfs/v2", "github.com/jcmturner/gokrb5/v8",
		"google.golang.org/protobuf"}}},
	{"format", rule{inside: []string{"event", "source"}}},
	{"enrich", rule{outside: []string{"github.com/mileusna/useragent", "github.com/oschwald/maxminddb-golang/v2",
		"github.com/phuslu/iploc", "golang.org/x/net"}}},
	{"where", rule{inside: []string{"event"}, outside: []string{"github.com/expr-lang/expr"}, core: true}},
	{"marks", rule{inside: []string{"event", "where"}, outside: []string{"github.com/zeebo/xxh3"}}},
	{"token", rule{inside: []string{"event", "enrich"}, outside: []string{"github.com/zeebo/xxh3"}, core: true}},
	{"wire", rule{core: true}},
	{"count", rule{inside: []string{"wire"}, core: true}},
	{"mapreduce", rule{inside: []string{"event", "source", "format", "token", "count"},
		outside: []string{"github.com/klauspost/compress", "github.com/zeebo/xxh3"}, core: true}},
	{"bayes", rule{core: true}},
	{"linear", rule{inside: []string{"bayes"}, core: true}},
	{"forest", rule{inside: []string{"bayes"}, core: true}},
	{"calibrate", rule{inside: []string{"bayes"}, core: true}},
	{"filter", rule{inside: []string{"event", "source", "format", "token", "wire", "count", "mapreduce", "bayes", "linear", "forest", "calibrate"},
		outside: []string{"github.com/zeebo/xxh3"}, core: true}},
	{"engine", rule{inside: []string{"mapreduce", "hdfs"}, outside: []string{"github.com/zeebo/xxh3"}}},
	{"eval", rule{inside: []string{"bayes", "calibrate"}, core: true}},
	{"profile", rule{inside: []string{"wire", "bayes"}, core: true}},
	{"hunt", rule{inside: []string{"event", "source", "format", "enrich", "where", "token", "wire", "count", "mapreduce", "bayes", "profile"}, core: true}},
	{"related", rule{inside: []string{"event", "source", "format", "token", "count", "bayes"}, core: true}},
	{"partition", rule{inside: []string{"event", "source", "format", "token", "linear"}, core: true}},
	{"export", rule{inside: []string{"event", "source", "format", "token"}, outside: []string{"github.com/parquet-go/parquet-go"}, core: true}},
	{"beacon", rule{inside: []string{"bayes", "event", "format", "enrich", "wire", "mapreduce"}, outside: []string{"github.com/zeebo/xxh3"}, core: true}},
	{"decide", rule{inside: []string{"event", "where", "bayes", "calibrate", "eval"}, outside: []string{"github.com/zeebo/xxh3", "go.yaml.in/yaml/v4"},
		core: true}},
	{"scenario", rule{core: true}},
	{"term", rule{outside: []string{"github.com/mattn/go-runewidth"}, core: true}},
	{"cluster", rule{inside: []string{"token", "bayes", "hunt", "term"}, core: true}},
	{"review", rule{inside: []string{"bayes", "hunt", "decide"}, core: true}},
	{"report", rule{inside: []string{"format", "token", "eval", "decide", "hunt", "cluster", "term"}, core: true}},
	{"lake", rule{inside: []string{"event", "source", "format", "enrich", "marks", "token", "count", "bayes"},
		outside: []string{"github.com/klauspost/compress", "github.com/parquet-go/parquet-go", "modernc.org/sqlite"}}},
	{"mongo", rule{inside: []string{"event", "source", "format", "enrich", "marks", "token", "count", "lake"},
		outside: []string{"github.com/zeebo/xxh3", "go.mongodb.org/mongo-driver/v2"}}},
	{"storetest", rule{inside: []string{"event", "source", "format", "marks", "token", "count", "bayes", "lake"},
		outside: []string{"github.com/klauspost/compress", "github.com/parquet-go/parquet-go"}}},
	{"ask", rule{inside: []string{"lake"}, outside: []string{"github.com/duckdb/duckdb-go/v2"}}},
	{"architecture", rule{}},
}

// commandMay are the modules of commands; of weir's own packages a command may import any.
var commandMay = []string{"github.com/guptarohit/asciigraph", "github.com/spf13/cobra", "golang.org/x/term"}

// Standard packages that the core gets along without: what they give is handed to it as an argument.
var notInCore = []string{"os", "os/exec", "os/signal", "os/user", "io/ioutil", "net", "net/http", "log", "log/slog", "math/rand",
	"math/rand/v2", "crypto/rand", "syscall"}

// Functions that read the clock.
var clock = []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Sleep"}

// Names for packages that would be a drawer.
var drawers = []string{"util", "utils", "common", "helper", "helpers", "types", "misc", "shared", "base"}

// A source is one parsed file that is not a test.
type source struct {
	name string // relative to the module
	file *ast.File
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatalf("cannot find the module's root: %v", err)
	}
	return dir
}

// packages parses every file below dir that is not a test, by directory relative to the module.
func packages(t *testing.T, root, dir string) map[string][]source {
	t.Helper()
	out := map[string][]source{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(filepath.Join(root, dir), func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go" || strings.HasPrefix(d.Name(), "."):
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if strings.HasSuffix(rel, "_test.go") {
			if p := path.Dir(rel); out[p] == nil {
				out[p] = []source{} // a package of tests alone wants a row too
			}
			return nil
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		out[path.Dir(rel)] = append(out[path.Dir(rel)], source{rel, file})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("there is no package in %s", dir)
	}
	return out
}

func imports(f *ast.File) []string {
	var out []string
	for _, i := range f.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		out = append(out, p)
	}
	return out
}

// within reports whether an import path belongs to one of the modules.
func within(p string, modules []string) bool {
	return slices.ContainsFunc(modules, func(m string) bool { return p == m || strings.HasPrefix(p, m+"/") })
}

// standard reports whether an import path is of the standard library.
func standard(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !strings.Contains(first, ".") && first != module
}

func TestEveryPackageHasARule(t *testing.T) {
	found := packages(t, root(t), "internal")
	for _, dir := range slices.Sorted(maps.Keys(found)) {
		name := strings.TrimPrefix(dir, "internal/")
		if !slices.ContainsFunc(rules, func(r struct {
			name string
			rule
		}) bool {
			return r.name == name
		}) {
			t.Errorf("%s has no row in the table of rules: say what it may import, in the order of the data", dir)
		}
		if slices.Contains(drawers, path.Base(name)) {
			t.Errorf("%s is a drawer: a helper lives in the package that uses it", dir)
		}
	}
	seen := map[string]bool{}
	for _, r := range rules {
		if seen[r.name] {
			t.Errorf("%s has two rows", r.name)
		}
		if found["internal/"+r.name] == nil {
			t.Errorf("internal/%s has a row, but there is no such package", r.name)
		}
		for _, i := range r.inside {
			if !seen[i] {
				t.Errorf("%s may import %s, which is not above it in the table: the data go one way", r.name, i)
			}
		}
		seen[r.name] = true
	}
}

func TestInternalImports(t *testing.T) {
	found := packages(t, root(t), "internal")
	for _, r := range rules {
		for _, s := range found["internal/"+r.name] {
			for _, p := range imports(s.file) {
				inside, ours := strings.CutPrefix(p, module+"/internal/")
				switch {
				case ours && slices.Contains(r.inside, inside), !ours && within(p, r.outside):
				case standard(p) && !(r.core && slices.Contains(notInCore, p)):
				case standard(p):
					t.Errorf("%s imports %s: the core takes readers, clocks, seeds and files as arguments", s.name, p)
				default:
					t.Errorf("%s imports %s, which %s may not know", s.name, p, r.name)
				}
			}
		}
	}
}

func TestCommandImports(t *testing.T) {
	for dir, files := range packages(t, root(t), "cmd") {
		for _, s := range files {
			for _, p := range imports(s.file) {
				if !standard(p) && !strings.HasPrefix(p, module+"/internal/") && !within(p, commandMay) {
					t.Errorf("%s imports %s, which %s may not know", s.name, p, dir)
				}
			}
		}
	}
}

// TestNoHiddenImports: nothing is registered behind the reader's back.
func TestNoHiddenImports(t *testing.T) {
	for _, files := range packages(t, root(t), "internal") {
		for _, s := range files {
			for _, i := range s.file.Imports {
				if i.Name == nil {
					continue
				}
				if p, _ := strconv.Unquote(i.Path.Value); i.Name.Name == "." || i.Name.Name == "_" && p != "embed" {
					t.Errorf("%s imports %s as %q: register in one explicit list instead", s.name, p, i.Name.Name)
				}
			}
			if slices.Contains(imports(s.file), "unsafe") && !strings.Contains(path.Base(s.name), "unsafe") {
				t.Errorf("%s uses unsafe, which stands alone in a file called so", s.name)
			}
		}
	}
}

func TestCoreHasNoClock(t *testing.T) {
	found := packages(t, root(t), "internal")
	for _, r := range rules {
		if !r.core {
			continue
		}
		for _, s := range found["internal/"+r.name] {
			ast.Inspect(s.file, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok && slices.Contains(clock, sel.Sel.Name) {
					if x, ok := sel.X.(*ast.Ident); ok && x.Name == localName(s.file, "time") {
						t.Errorf("%s uses time.%s: the core takes the time as an argument", s.name, sel.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// localName returns what an import is called in a file, or "" if the file does not import it.
func localName(f *ast.File, p string) string {
	for _, i := range f.Imports {
		if got, _ := strconv.Unquote(i.Path.Value); got == p {
			if i.Name != nil {
				return i.Name.Name
			}
			return path.Base(p)
		}
	}
	return ""
}

// TestCoreExportsNoForeignTypes looks through the exported declarations of the core for names of third-party packages.
// It knows a package by the last element of its import path, which holds for all in the table.
func TestCoreExportsNoForeignTypes(t *testing.T) {
	found := packages(t, root(t), "internal")
	for _, r := range rules {
		if !r.core {
			continue
		}
		for _, s := range found["internal/"+r.name] {
			foreign := map[string]string{}
			for _, p := range imports(s.file) {
				if !standard(p) && !strings.HasPrefix(p, module+"/") {
					foreign[localName(s.file, p)] = p
				}
			}
			if len(foreign) == 0 {
				continue
			}
			for _, d := range s.file.Decls {
				exported(d, func(name string, n ast.Node) {
					ast.Inspect(n, func(n ast.Node) bool {
						if sel, ok := n.(*ast.SelectorExpr); ok {
							if x, ok := sel.X.(*ast.Ident); ok && foreign[x.Name] != "" {
								t.Errorf("%s: exported %s shows %s.%s of %s", s.name, name, x.Name, sel.Sel.Name, foreign[x.Name])
							}
						}
						return true
					})
				})
			}
		}
	}
}

// exported calls f with every exported name of a declaration and the part of it that users of the package see.
func exported(d ast.Decl, f func(name string, n ast.Node)) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d.Recv))) {
			f(d.Name.Name, d.Type)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				if s.Type != nil && slices.ContainsFunc(s.Names, (*ast.Ident).IsExported) {
					f(s.Names[0].Name, s.Type)
				}
			case *ast.TypeSpec:
				if !s.Name.IsExported() {
					continue
				}
				st, ok := s.Type.(*ast.StructType)
				if !ok {
					f(s.Name.Name, s.Type)
					continue
				}
				for _, field := range st.Fields.List {
					if len(field.Names) == 0 || slices.ContainsFunc(field.Names, (*ast.Ident).IsExported) {
						f(s.Name.Name, field.Type)
					}
				}
			}
		}
	}
}

// receiver returns the name of a method's type.
func receiver(list *ast.FieldList) string {
	name := ""
	ast.Inspect(list.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return name == ""
	})
	return name
}
