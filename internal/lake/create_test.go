package lake

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestCreateAtOnce: of those that make a lake in one directory at once each gets it, whatever the others have put there so far.
func TestCreateAtOnce(t *testing.T) {
	log := filepath.Join(t.TempDir(), "access.log")
	writeOld(t, log, "192.0.2.1 - - [01/Mar/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\"\n")
	for range 12 {
		dir := filepath.Join(t.TempDir(), "lake")
		var wait sync.WaitGroup
		start := make(chan struct{})
		for range 6 {
			wait.Go(func() {
				<-start
				l, err := Create(t.Context(), dir, Settings{})
				if err != nil {
					t.Error(err)
					return
				}
				defer l.Close()
				ingestFiles(t, l, IngestOptions{}, log) // so that there is more than the catalogue for those who come later
			})
		}
		close(start)
		wait.Wait()
		if t.Failed() {
			return
		}
	}
}

// TestCreateBesideOthers: a lake is made beside what weir itself leaves for a moment, and in no directory that is somebody else's.
func TestCreateBesideOthers(t *testing.T) {
	for name, ok := range map[string]bool{probe + "123": true, database: true, "holiday.jpg": false, database + ".bak": false} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		l, err := Create(t.Context(), dir, Settings{})
		if (err == nil) != ok {
			t.Errorf("beside %q: %v", name, err)
		}
		if err == nil {
			l.Close()
		}
	}
}
