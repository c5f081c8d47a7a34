package scenario

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

type memory struct {
	bytes.Buffer
	closed bool
}

func (m *memory) Close() error { m.closed = true; return nil }

// generate returns the files of a scenario.
func generate(t *testing.T, cfg Config) (map[string]*memory, *Truth) {
	t.Helper()
	files := map[string]*memory{}
	truth, err := Generate(cfg, func(name string) (io.WriteCloser, error) {
		files[name] = &memory{}
		return files[name], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range files {
		if !f.closed {
			t.Errorf("%s was not closed", name)
		}
	}
	return files, truth
}

func TestDump(t *testing.T) {
	dir := os.Getenv("DUMP")
	if dir == "" {
		t.Skip()
	}
	files, truth := generate(t, Config{Seed: 1})
	for name, f := range files {
		p := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(p), 0o755)
		os.WriteFile(p, f.Bytes(), 0o644)
	}
	for _, s := range truth.Steps {
		t.Logf("%+v", s)
	}
	t.Logf("%+v", truth.Lines)
}
