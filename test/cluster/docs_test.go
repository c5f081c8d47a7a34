package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDocument runs the commands of docs/scale.md as they stand, in one directory.
func TestDocument(t *testing.T) {
	needs(t)
	text, err := os.ReadFile(filepath.Join(root, "docs", "scale.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir, ran := t.TempDir(), 0
	for i, part := range strings.Split(string(text), "\n```sh\n") {
		block, _, closed := strings.Cut(part, "\n```\n")
		if i == 0 {
			continue
		}
		if !closed {
			t.Fatalf("block %d is not closed", i)
		}
		ran++
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c := exec.CommandContext(ctx, "sh", "-c", "set -eu\n"+block)
			c.Dir, c.Env = dir, append(os.Environ(), "NO_COLOR=1")
			out, err := c.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s\nprinted\n%s", err, block, out)
			}
			t.Logf("%s", out)
		})
		if t.Failed() {
			return
		}
	}
	if ran < 5 {
		t.Errorf("the document has %d blocks of commands", ran)
	}
}
