// Package built gives tests and benchmarks a weir binary made from the sources as they are.
package built

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Root returns the module's directory: the nearest above the working directory with a go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("cannot find go.mod here or above; run this inside weir's source")
		}
		dir = parent
	}
}

// Weir builds cmd/weir into dir and returns the binary's path.
func Weir(root, dir string) (string, error) {
	if err := readSources(root); err != nil {
		return "", err
	}
	name := filepath.Join(dir, "weir")
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", name, "./cmd/weir")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build weir: %w\n%s", err, out)
	}
	return name, nil
}

// readSources opens every file that the binary is made of. go test answers from its cache as long as the files that a
// test has opened are unchanged, and it does not see those that the compiler opens.
func readSources(root string) error {
	for _, top := range []string{"go.mod", "go.sum", "cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "testdata") {
				return err
			}
			f, err := os.Open(name)
			if err != nil {
				return err
			}
			return f.Close()
		})
		if err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("cannot read the sources: %w", err)
		}
	}
	return nil
}
