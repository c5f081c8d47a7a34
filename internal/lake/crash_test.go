package lake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"weir/internal/marks"
	"weir/internal/source"
)

// childDir names the environment variable that makes a test binary a process to be killed: it ingests and compacts what is
// in this directory until it is done.
const (
	childDir     = "WEIR_LAKE_CHILD"
	childFollows = "WEIR_LAKE_FOLLOWS" // and this one, that it follows them until it is killed
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child does what a user does, in small batches, so that there are many moments to be killed at.
func child(dir string) error {
	ctx := context.Background()
	l, err := Create(ctx, filepath.Join(dir, "lake"), Settings{})
	if err != nil {
		return err
	}
	defer l.Close()
	look := func() ([]source.Input, error) { return source.Expand([]string{filepath.Join(dir, "logs")}) }
	if os.Getenv(childFollows) != "" {
		return l.Follow(ctx, look, IngestOptions{Batch: 7_000, Workers: 2}, time.Millisecond, func(*Report) error {
			if err := markAndTrain(ctx, l); err != nil {
				return err
			}
			_, err := l.compact(ctx, 3)
			return err
		})
	}
	inputs, err := look()
	if err != nil {
		return err
	}
	if _, err := l.Ingest(ctx, inputs, IngestOptions{Batch: 20_000, Workers: 2}); err != nil {
		return err
	}
	if err := markAndTrain(ctx, l); err != nil {
		return err
	}
	if _, err := l.compact(ctx, 3); err != nil {
		return err
	}
	if _, err := l.Train(ctx, TrainOptions{}); err != nil {
		return err
	}
	// Once more, as --follow would: what was written meanwhile, and a last line that was half a line.
	if inputs, err = look(); err != nil {
		return err
	}
	_, err = l.Ingest(ctx, inputs, IngestOptions{Batch: 7_000, Workers: 2})
	return err
}

// markAndTrain marks an hour or two, takes the oldest mark back when there are more than four, and trains.
func markAndTrain(ctx context.Context, l *Lake) error {
	id := rand.Uint64()
	from := time.Unix(1331914651+rand.Int64N(400_000), 0)
	mark := marks.Mark{ID: strconv.FormatUint(id, 16), When: time.Unix(1331914651, 0), Who: "child", What: marks.Bad,
		Span: &marks.Span{From: from, To: from.Add(time.Duration(1+rand.Int64N(20)) * time.Hour)}}
	if id%3 == 0 {
		mark.What = marks.Ignore
	}
	if err := l.AddMark(ctx, mark); err != nil {
		return err
	}
	set, err := l.MarkSet(ctx)
	if err != nil {
		return err
	}
	if list := set.Standing(); len(list) > 4 {
		back := marks.Mark{ID: "b" + mark.ID, When: mark.When, Who: "child", Unmark: list[0].ID}
		if _, err := l.TakeBack(ctx, back); err != nil {
			return err
		}
	}
	_, err = l.Train(ctx, TrainOptions{})
	return err
}

// crashes is how often a process is killed.
func crashes(t *testing.T) int {
	if text := os.Getenv("WEIR_CRASHES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 12
}

// A growing is logs that are written, rotated and compressed, and all the lines that ever were in them.
type growing struct {
	dir   string
	r     *rand.Rand
	n     int
	whole map[string]bool // every line
	half  string          // what is still to be written of the last line of conn.log
	old   int
}

func (g *growing) line() string {
	g.n++
	line := fmt.Sprintf(`{"ts":%d.25,"uid":"C%07d","id.orig_h":"192.0.2.%d","id.orig_p":%d,"id.resp_h":"198.51.100.1","id.resp_p":80,"proto":"tcp","n":%d}`,
		1331914651+g.n*40, g.n, g.r.IntN(250), g.r.IntN(60000)+1024, g.n)
	if g.n%97 == 0 {
		line = fmt.Sprintf(`{"ts":%d,"broken %d`, 1331914651+g.n, g.n)
	}
	g.whole[line] = true
	return line
}

func (g *growing) write(t *testing.T, lines int, endWhole bool) {
	t.Helper()
	name := filepath.Join(g.dir, "conn.log")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString(g.half)
	g.half = ""
	for range lines {
		b.WriteString(g.line() + "\n")
	}
	if !endWhole {
		line := g.line()
		cut := g.r.IntN(len(line))
		b.WriteString(line[:cut])
		g.half = line[cut:] + "\n"
	}
	if _, err := f.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	f.Close()
	old := time.Now().Add(-time.Hour).Add(time.Duration(g.n) * time.Millisecond)
	if err := os.Chtimes(name, old, old); err != nil { // or half a line would be left for later
		t.Fatal(err)
	}
}

// rotate compresses the log under another name and starts a new one.
func (g *growing) rotate(t *testing.T) {
	t.Helper()
	g.write(t, 0, true)
	name := filepath.Join(g.dir, "conn.log")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	g.old++
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	z.Close()
	if err := os.WriteFile(fmt.Sprintf("%s.%d.gz", name, g.old), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	g.write(t, 5, true)
}

// TestKilledAtRandomMoments kills ingest and compaction again and again while the logs grow and are rotated, and goes on:
// no event is lost, none is there twice, and the lake is sound.
func TestKilledAtRandomMoments(t *testing.T) {
	if testing.Short() {
		t.Skip("processes that are killed say nothing of races")
	}
	n := crashes(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	g := &growing{dir: filepath.Join(dir, "logs"), r: r, whole: map[string]bool{}}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	g.write(t, 600, true)
	killed := 0
	for range 1 + n/10 { // while the lake is made
		if runChild(t, dir, time.Duration(r.Int64N(int64(50*time.Millisecond)))+1) {
			killed++
		}
	}
	start := time.Now()
	runChild(t, dir, 0)
	usual := time.Since(start)
	for killed < n {
		g.write(t, 50+r.IntN(400), r.IntN(2) == 0)
		if r.IntN(4) == 0 {
			g.rotate(t)
		}
		after := time.Duration(r.Int64N(int64(2*usual))) + 1
		if r.IntN(3) == 0 {
			stop := follow(t, dir)
			time.Sleep(after / 2)
			g.write(t, 1+r.IntN(50), r.IntN(2) == 0)
			if r.IntN(2) == 0 {
				g.rotate(t)
			}
			time.Sleep(after / 2)
			stop()
			killed++
		} else if runChild(t, dir, after) {
			killed++
		}
	}
	g.write(t, 1, true)
	runChild(t, dir, 0)
	checkLake(t, dir, g)
}

// follow starts a process that follows the logs; the function that it returns kills it.
func follow(t *testing.T, dir string) func() {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childDir+"="+dir, childFollows+"=yes")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		_ = cmd.Process.Kill() // it may have failed already, which Wait tells
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
			t.Fatalf("following ended by itself: %v: %s", err, said.String())
		}
	}
}

// runChild runs a process, kills it after a while (0: never), and reports whether it was killed.
func runChild(t *testing.T, dir string, after time.Duration) bool {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if after > 0 {
		timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // kill -9; it may be done already
		defer timer.Stop()
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == -1 {
		return true
	}
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	return false
}

func checkLake(t *testing.T, dir string, g *growing) {
	t.Helper()
	l, err := Open(t.Context(), filepath.Join(dir, "lake"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.startWriting(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen, places := map[string]int{}, map[string]string{}
	list, err := segments(t.Context(), l.db, `true`)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.Kind == kindMalformed {
			faults, err := l.readFaults(&s)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range faults {
				seen[string(f.Raw)]++
			}
		}
	}
	for _, text := range dump(t, l) {
		_, quoted, _ := strings.Cut(text, ` "{\"ts`)
		line, err := strconv.Unquote(`"{\"ts` + quoted)
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		seen[line]++
		from, _, _ := strings.Cut(text, " ")
		places[line] += " " + from
	}
	lost, doubled, made := 0, 0, 0
	for line := range g.whole {
		switch seen[line] {
		case 0:
			if lost++; lost < 4 {
				t.Logf("lost: %s", line)
			}
		case 1:
		default:
			if doubled++; doubled < 4 {
				t.Logf("%d times, at source:line%s: %s", seen[line], places[line], line)
			}
		}
	}
	for line := range seen {
		if !g.whole[line] {
			if made++; made < 4 {
				t.Logf("never written: %s", line)
			}
		}
	}
	if lost+doubled+made > 0 {
		t.Errorf("of %d lines %d are lost, %d doubled, %d were never written", len(g.whole), lost, doubled, made)
	}
	if t.Failed() {
		known, err := sources(t.Context(), l.db, `true`)
		t.Log(err)
		for _, r := range known {
			t.Logf("source %d %s now %s: offset %d, line %d, head %d, tail %d, open %d, %d records, %d malformed", r.ID, filepath.Base(r.Name),
				filepath.Base(r.Path), r.Offset, r.Line, r.HeadSize, r.TailSize, r.OpenSize, r.Records, r.Malformed)
		}
	}
	t.Logf("%d lines, %d segments, %d logs", len(g.whole), len(list), g.old+1)
	v, err := l.Verify(t.Context())
	if err != nil || len(v.Faults) > 0 {
		t.Errorf("the lake is not sound: %v %v", v.Faults, err)
	}
	checkLitter(t, l, list)
	r := sameAsFromNothing(t, l, 0)
	t.Logf("%d good, %d bad, %d left out by %d marks", r.Model.Good, r.Model.Bad, r.Model.Ignored, len(r.Model.Marks))
}

// checkLitter makes sure that there are no files that no row names.
func checkLitter(t *testing.T, l *Lake, list []Segment) {
	t.Helper()
	var named []string
	for _, s := range list {
		named = append(named, s.Path, s.CountsPath)
	}
	marked := map[string]bool{}
	if err := l.nameMarked(t.Context(), l.db, marked); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(l.Dir, func(full string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(full) != ".parquet" {
			return err
		}
		rel, err := filepath.Rel(l.Dir, full)
		if !slices.Contains(named, filepath.ToSlash(rel)) && !marked[filepath.ToSlash(rel)] {
			t.Errorf("litter: %s", rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
