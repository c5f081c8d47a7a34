package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNames: what a pattern or a directory in HDFS leaves out is said, and is read when it is named.
func TestNames(t *testing.T) {
	needs(t)
	line := []byte(`192.0.2.7 - - [25/Feb/2026:01:45:00 +0000] "GET / HTTP/1.1" 200 12 "-" "x"` + "\n")
	dir := filepath.Join(home, "names")
	for _, name := range []string{"a.log", "_part.log", ".dot.log", "_temporary/b.log", "sub/c.log"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, line, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := run("hadoop", "fs", "-put", "names", "/"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, x := range []struct {
		link    string
		records string
		left    []string
	}{
		{"hdfs:///names/*.log", "1", []string{"_part.log", ".dot.log"}},
		{"hdfs:///names/*/*.log", "1", []string{"_temporary"}},
		{"hdfs:///names", "2", []string{"_part.log", ".dot.log", "_temporary"}},
		{"hdfs:///names/_*.log", "1", nil},
		{"hdfs:///names/_part.log", "1", nil},
	} {
		out, said := must(t, "beacons", x.link)
		for _, name := range x.left {
			if !strings.Contains(out+said, "/names/"+name+" was left out") {
				t.Errorf("%s: nothing says that %s was left out:\n%s%s", x.link, name, out, said)
			}
		}
		if n := strings.Count(out+said, "was left out"); n != len(x.left) {
			t.Errorf("%s: %d were left out:\n%s%s", x.link, n, out, said)
		}
		if !strings.Contains(out+said, x.records+" record") {
			t.Errorf("%s: want %s records:\n%s%s", x.link, x.records, out, said)
		}
	}
}
