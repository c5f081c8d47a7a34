package architecture

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNothingIsFused: for arm64 the compiler joins a product and a sum into one operation that rounds once, across statements and
// functions, where nothing says that the product is rounded. Then scores differ between processors.
func TestNothingIsFused(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles everything for another processor")
	}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error { // or the test's result would be kept while files change
		if err == nil && strings.HasSuffix(name, ".go") {
			_, err = os.ReadFile(name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "weir")
	build := exec.Command("go", "build", "-o", binary, "./cmd/weir")
	build.Dir, build.Env = root, append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	code, err := exec.Command("go", "tool", "objdump", "-s", "^weir/", binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	where, products := "", 0
	for line := range bytes.Lines(code) {
		f := strings.Fields(string(line))
		switch {
		case len(f) > 1 && f[0] == "TEXT":
			where = f[1]
		case len(f) > 3 && f[3] == "FMULD":
			products++
		case len(f) > 3 && (strings.HasPrefix(f[3], "FMADD") || strings.HasPrefix(f[3], "FMSUB") || strings.HasPrefix(f[3], "FNMADD") || strings.HasPrefix(f[3], "FNMSUB")):
			t.Errorf("%s, %s: a product is not rounded before it is added: write s + float64(x*y)", where, f[0])
		}
	}
	if products == 0 {
		t.Error("no products were found: is the code of arm64 written in another way now?")
	}
}
