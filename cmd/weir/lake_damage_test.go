package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/ask"
)

// A said is what a command said.
type said struct {
	code     int
	out, err string
}

func say(t *testing.T, args ...string) said {
	t.Helper()
	var out, bad bytes.Buffer
	code := run(t.Context(), strings.NewReader(""), &out, &bad, args)
	return said{code, out.String(), bad.String()}
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	s := say(t, args...)
	if s.code != exitOK {
		t.Fatalf("weir %q: %s", args, s.err)
	}
	return s.out
}

// damage changes the bytes of a file as disks, people and programs do, and says how.
func damage(r *rand.Rand, good []byte, others [][]byte) (bad []byte, how string) {
	bad = slices.Clone(good)
	switch r.IntN(9) {
	default:
		bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		return bad, "one bit is another"
	case 3:
		for range 1 + r.IntN(8) {
			bad[r.IntN(len(bad))] = byte(r.Uint32())
		}
		return bad, "some bytes are others"
	case 4: // a Parquet file ends with its footer, the footer's length and PAR1
		footer := min(len(bad), 300)
		bad[len(bad)-1-r.IntN(footer)] = byte(r.Uint32())
		return bad, "a byte of its end is another"
	case 5:
		return bad[:r.IntN(len(bad))], "cut short"
	case 6:
		return nil, "emptied"
	case 7:
		at := r.IntN(len(bad))
		clear(bad[at:min(len(bad), at+4096)])
		return bad, "a block of zeros"
	case 8:
		return others[r.IntN(len(others))], "another file in its place"
	}
}

// TestDamagedLake damages files of a lake in many ways. Nothing ends in a crash, verify finds every damage, hunts find it or give what
// they gave before, and whatever fails names the file.
func TestDamagedLake(t *testing.T) {
	inFull(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	lake := at("lake")
	must(t, "scenario", "--events", "2000", "--days", "8", "--out", at("company"))
	odd := at("odd.log")
	if err := os.WriteFile(odd, []byte(`{"ts":1331914651.55,"uid":"C1","id.orig_h":"192.0.2.7"}`+"\n"+`{"ts":1331914652.55,"uid":"C2"`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, "ingest", "--lake", lake, at("company/zeek"), at("company/nginx"), at("company/auth.log"), odd)
	truth, err := os.ReadFile(at("company/incident.json"))
	if err != nil {
		t.Fatal(err)
	}
	window := windowIn(t, string(truth))
	must(t, "mark", "bad", "--lake", lake, "--window", window)
	hunt := []string{"hunt", "--lake", lake, "--json", "--all"}
	commands := [][]string{hunt, {"status", "--lake", lake}, {"marks", "--lake", lake}}
	if ask.Built {
		for _, q := range []string{"SELECT count(*), count(raw), count(fields) FROM events", "SELECT sum(good), sum(bad), count(*) FROM classes",
			"SELECT sum(weight) FROM model", "SELECT * FROM malformed"} {
			commands = append(commands, []string{"query", "--lake", lake, "--format", "csv", q})
		}
	}
	commands = append(commands, []string{"train", "--lake", lake, "--filter", at("x.weir")}, []string{"train", "--lake", lake})
	found := must(t, hunt...)
	var files []string
	var contents [][]byte
	for _, kind := range []string{"events/*/*", "counts/*/*", "malformed/*", "marked/*/*/*", "models/*"} {
		list, err := filepath.Glob(filepath.Join(lake, kind+".parquet"))
		if err != nil || len(list) == 0 {
			t.Fatalf("there are no files of %s: %v", kind, err)
		}
		for _, f := range list {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			files, contents = append(files, f), append(contents, b)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	noticed := 0
	for range 40 {
		i := r.IntN(len(files))
		bad, how := damage(r, contents[i], contents)
		if bytes.Equal(bad, contents[i]) {
			continue
		}
		if err := os.WriteFile(files[i], bad, 0o644); err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(files[i])
		if v := say(t, "verify", "--lake", lake); v.code != exitFailed || !strings.Contains(v.out, name) {
			t.Errorf("%s: %s: verify says %q %q", files[i], how, v.out, v.err)
		}
		for _, c := range commands {
			s := say(t, c...)
			if s.code == exitFailed {
				noticed++
			}
			switch {
			case s.code == exitUsage, s.code == exitFailed && !strings.Contains(s.err, name) && !strings.Contains(s.err, "no good record"):
				t.Errorf("%s: %s: weir %q says %q", files[i], how, c, s.err)
			case s.code == exitOK && c[0] == "hunt" && s.out != found:
				t.Errorf("%s: %s: the hunt gives something else and does not say why", files[i], how)
			}
		}
		if err := os.WriteFile(files[i], contents[i], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if noticed == 0 {
		t.Error("nothing was noticed but by verify")
	}
	// Marking reads and writes: what was refused goes through when the file is mended.
	for range 12 {
		i := r.IntN(len(files))
		bad, how := damage(r, contents[i], contents)
		if !strings.HasPrefix(files[i], filepath.Join(lake, "events")) && !strings.HasPrefix(files[i], filepath.Join(lake, "counts")) {
			continue
		}
		if err := os.WriteFile(files[i], bad, 0o644); err != nil {
			t.Fatal(err)
		}
		s := say(t, "mark", "ignore", "--lake", lake, "--window", window)
		if s.code == exitUsage || s.code == exitFailed && !strings.Contains(s.err, filepath.Base(files[i])) {
			t.Errorf("%s: %s: mark says %q", files[i], how, s.err)
		}
		if s.code == exitOK && len(bad) != len(contents[i]) {
			t.Errorf("%s: %s: mark trains on it", files[i], how)
		}
		if err := os.WriteFile(files[i], contents[i], 0o644); err != nil {
			t.Fatal(err)
		}
		list := strings.Fields(must(t, "marks", "--lake", lake))
		must(t, "train", "--lake", lake)
		if id := lastMark(t, lake); id != list[0] {
			must(t, "unmark", "--lake", lake, id)
		}
	}
	if v := must(t, "verify", "--lake", lake); !strings.Contains(v, "is sound") {
		t.Errorf("with everything back in its place: %s", v)
	}
}

// lastMark is the id of the newest mark that stands.
func lastMark(t *testing.T, lake string) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(must(t, "marks", "--lake", lake)), "\n")
	id, _, _ := strings.Cut(lines[len(lines)-1], " ")
	return id
}

// windowIn returns the window of an incident.
func windowIn(t *testing.T, incident string) string {
	t.Helper()
	value := func(key string) string {
		_, rest, ok := strings.Cut(incident, `"`+key+`"`)
		parts := strings.SplitN(rest, `"`, 3)
		if !ok || len(parts) < 3 {
			t.Fatalf("there is no %s in %s", key, incident)
		}
		return parts[1]
	}
	return value("from") + "/" + value("to")
}
