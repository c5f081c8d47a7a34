package filter

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/token"
)

// small is a filter that has everything a file can hold.
func small(t testing.TB, l Learner) *Filter {
	t.Helper()
	files := examples(30, 60, 40)
	f := trained(t, files, TrainOptions{Learner: l})
	f, _ = learn(t, f, false, 1, file{"more.log", Bad, examples(31, 1, 5)[1].lines})
	return f
}

func TestTruncated(t *testing.T) {
	b := written(t, small(t, Linear))
	for n := range b {
		if n > 300 && n < len(b)-300 && n%37 != 0 {
			continue
		}
		_, err := read(b[:n])
		switch {
		case n < 4 && !errors.Is(err, ErrNotFilter), n >= 4 && !errors.Is(err, ErrDamaged):
			t.Fatalf("%d of %d bytes: error %v", n, len(b), err)
		case n >= 4 && err.Error() != "the filter is damaged: it has no end; was it cut short?":
			t.Fatalf("%d of %d bytes: %q", n, len(b), err)
		}
	}
}

// TestFlipped: a bit that has changed is noticed, or changes nothing that counts (a zip archive says some things twice, and
// when it was made).
func TestFlipped(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and much work")
	}
	b := written(t, small(t, Linear))
	same := 0
	for i := range b {
		for _, mask := range []byte{1 << (i % 8), 0xff} {
			x := bytes.Clone(b)
			x[i] ^= mask
			f, err := read(x)
			switch {
			case err == nil && bytes.Equal(written(t, f), b):
				same++
			case err == nil:
				t.Fatalf("byte %d of %d: nobody noticed", i, len(b))
			case !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotFilter) && !errors.Is(err, ErrNewer) && !errors.Is(err, ErrScheme):
				t.Fatalf("byte %d of %d: error %v", i, len(b), err)
			}
		}
	}
	if most := 2 * 6 * 80; same > most { // of each member's two headers
		t.Errorf("%d changes of %d bytes went unnoticed", same, len(b))
	}
}

// forge rewrites a filter: change sees the manifest and the members, whose lengths and sums are put right afterwards.
func forge(t testing.TB, b []byte, change func(manifest map[string]any, members map[string][]byte)) []byte {
	t.Helper()
	return unzipped(t, b, func(members map[string][]byte) {
		manifest := map[string]any{}
		d := json.NewDecoder(bytes.NewReader(members[manifestName]))
		d.UseNumber()
		if err := d.Decode(&manifest); err != nil {
			t.Fatal(err)
		}
		delete(members, manifestName)
		delete(manifest, "members")
		change(manifest, members)
		if _, ok := manifest["members"]; !ok {
			list := map[string]Member{}
			for name, x := range members {
				sum := sha256.Sum256(x)
				list[name] = Member{int64(len(x)), hex.EncodeToString(sum[:])}
			}
			manifest["members"] = list
		}
		head, err := json.Marshal(manifest)
		if err != nil {
			t.Fatal(err)
		}
		members[manifestName] = head
	})
}

// unzipped rewrites an archive: change sees its members.
func unzipped(t testing.TB, b []byte, change func(members map[string][]byte)) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	members := map[string][]byte{}
	for _, m := range z.File {
		r, err := m.Open()
		if err != nil {
			t.Fatal(err)
		}
		if members[m.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	change(members)
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	put := func(name string, x []byte) {
		m, err := w.Create(name)
		if err == nil {
			_, err = m.Write(x)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, x := range members {
		put(name, x)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestForged: files that somebody made up are refused, with the kind of fault that they have.
func TestForged(t *testing.T) {
	b := written(t, small(t, Linear))
	if f, err := read(forge(t, b, func(map[string]any, map[string][]byte) {})); err != nil || !bytes.Equal(written(t, f), b) {
		t.Fatalf("unchanged: %v", err)
	}
	uvarints := func(x ...uint64) (b []byte) {
		for _, v := range x {
			b = binary.AppendUvarint(b, v)
		}
		return b
	}
	entry := func(x ...uint64) []byte { // of a journal
		return append(binary.LittleEndian.AppendUint64(append(binary.LittleEndian.AppendUint64(uvarints(1), 7), 1), 0), uvarints(x...)...)
	}
	set := func(name string, to any) func(map[string]any, map[string][]byte) {
		return func(m map[string]any, _ map[string][]byte) { m[name] = to }
	}
	body := func(name string, to []byte) func(map[string]any, map[string][]byte) {
		return func(_ map[string]any, m map[string][]byte) { m[name] = to }
	}
	counts := func(n int, b []byte) func(map[string]any, map[string][]byte) {
		return func(m map[string]any, members map[string][]byte) {
			m["tokens"], members[countsName], members[weightsName] = n, b, make([]byte, n)
			members[baseName] = make([]byte, n+1)
		}
	}
	for _, c := range []struct {
		name   string
		change func(manifest map[string]any, members map[string][]byte)
		want   error
		text   string
	}{
		{"an older scheme", set("token_scheme", token.Version-1), ErrScheme, "the filter was made with another token scheme: "},
		{"a newer scheme", set("token_scheme", token.Version+1), ErrScheme, ""},
		{"no scheme", func(m map[string]any, _ map[string][]byte) { delete(m, "token_scheme") }, ErrScheme, ""},
		{"a newer format", set("weir_filter", FormatVersion+1), ErrNewer, "the filter was made by a newer weir: its format is "},
		{"no format", func(m map[string]any, _ map[string][]byte) { delete(m, "weir_filter") }, ErrNotFilter, "its manifest cannot be read"},
		{"a negative format", set("weir_filter", -1), ErrNotFilter, ""},
		{"a format in words", set("weir_filter", "one"), ErrNotFilter, ""},
		{"no good records", set("good", 0), ErrDamaged, "0 good and "},
		{"fewer than none", set("bad", -5), ErrDamaged, ""},
		{"an unknown learner", set("learner", "magic"), ErrDamaged, `there is no learner "magic"`},
		{"a huge bias", set("bias", 1e300), ErrDamaged, "a bias of 1e+300"},
		{"a huge start", set("start", -1e300), ErrDamaged, "a start of "},
		{"a prior of 1", set("prior", 1), ErrDamaged, "a prior of 1"},
		{"a prior below 0", set("prior", -.1), ErrDamaged, ""},
		{"no calibration", set("calibration", nil), ErrDamaged, "no calibration"},
		{"no knots", set("calibration", map[string]any{"method": "platt"}), ErrDamaged, "0 knots"},
		{"keys of no bits", set("vocabulary_bits", 0), ErrDamaged, ""},
		{"keys of many bits", set("vocabulary_bits", 33), ErrDamaged, ""},
		{"keys of too few bits", set("vocabulary_bits", 3), ErrDamaged, "counts.bin makes no sense at token "},
		{"too many tokens", set("tokens", 1<<40), ErrDamaged, ""},
		{"fewer tokens than none", set("tokens", -1), ErrDamaged, ""},
		{"more tokens than there are", set("tokens", 1<<20), ErrDamaged, "counts.bin is too short"},
		{"fewer tokens than there are", set("tokens", 3), ErrDamaged, "counts.bin is too long"},
		{"no groups", set("groups", nil), ErrDamaged, ""},
		{"words for numbers", set("tokens", "many"), ErrDamaged, ""},
		{"no members", set("members", map[string]Member{}), ErrDamaged, ""},
		{"another length", set("members", map[string]Member{countsName: {Bytes: 5}}), ErrDamaged, "counts.bin is "},
		{"less than no length", set("members", map[string]Member{countsName: {Bytes: -5}}), ErrDamaged, "counts.bin is "},
		{"another sum", set("members", map[string]Member{journalName: {Bytes: 1, SHA256: "00"}}), ErrDamaged, "journal.bin is "},
		{"a member that is not there", func(m map[string]any, x map[string][]byte) {
			m["members"] = map[string]Member{seenName: {Bytes: 1}}
			delete(x, seenName)
		}, ErrDamaged, "seen.bin is missing"},
		{"keys that wrap around", counts(2, uvarints(5, 0, 1, 1, math.MaxUint64-3, 0, 1, 1)), ErrDamaged, "counts.bin makes no sense at token 1"},
		{"a key twice", counts(2, uvarints(5, 0, 1, 1, 0, 0, 1, 1)), ErrDamaged, "counts.bin makes no sense at token 1"},
		{"a group beyond the list", counts(1, uvarints(5, 60000, 1, 1)), ErrDamaged, "counts.bin makes no sense at token 0"},
		{"a huge count", counts(1, uvarints(5, 0, 1<<33, 1)), ErrDamaged, "counts.bin makes no sense at token 0"},
		{"an endless number", counts(1, bytes.Repeat([]byte{0x80}, 50)), ErrDamaged, ""},
		{"weights too few", body(weightsName, []byte{2}), ErrDamaged, "weights.bin is too short"},
		{"weights too many", func(_ map[string]any, m map[string][]byte) { m[weightsName] = append(m[weightsName], 0) }, ErrDamaged, "weights.bin is too long"},
		{"a huge weight", func(_ map[string]any, m map[string][]byte) {
			_, n := binary.Varint(m[weightsName])
			m[weightsName] = append(binary.AppendVarint(nil, math.MinInt64), m[weightsName][n:]...)
		}, ErrDamaged, "weights.bin holds a weight of -4.5"},
		{"a huge bias before", func(_ map[string]any, m map[string][]byte) {
			_, n := binary.Varint(m[baseName])
			m[baseName] = append(binary.AppendVarint(nil, math.MaxInt64), m[baseName][n:]...)
		}, ErrDamaged, "a bias of "},
		{"nothing before", body(baseName, []byte{}), ErrDamaged, "base.bin is too short"},
		{"nothing seen", body(seenName, nil), ErrDamaged, "seen.bin makes no sense"},
		{"a level too high", body(seenName, uvarints(60)), ErrDamaged, "seen.bin makes no sense"},
		{"a record above the level", body(seenName, uvarints(3, 1<<46, 1, 0)), ErrDamaged, "seen.bin makes no sense"},
		{"a record seen never", body(seenName, uvarints(0, 5, 0, 0)), ErrDamaged, "seen.bin makes no sense"},
		{"a record seen twice", body(seenName, uvarints(0, 5, 1, 0, 0, 1, 0)), ErrDamaged, "seen.bin makes no sense"},
		{"records that wrap around", body(seenName, uvarints(0, 5, 1, 0, math.MaxUint64-2, 1, 0)), ErrDamaged, "seen.bin makes no sense"},
		{"half a record", body(seenName, uvarints(0, 5, 1)), ErrDamaged, "seen.bin makes no sense"},
		{"no journal", body(journalName, nil), ErrDamaged, "journal.bin makes no sense"},
		{"a long journal", body(journalName, uvarints(1<<60)), ErrDamaged, "journal.bin makes no sense"},
		{"a record with many items", body(journalName, entry(1<<50, 1)), ErrDamaged, "journal.bin makes no sense"},
		{"items out of order", body(journalName, entry(2, 9, 8)), ErrDamaged, "journal.bin makes no sense"},
		{"an item that is none", body(journalName, entry(1, 1<<50)), ErrDamaged, "journal.bin makes no sense"},
		{"a journal with an end", body(journalName, append(entry(1, 9), 0)), ErrDamaged, "journal.bin makes no sense"},
	} {
		_, err := read(forge(t, b, c.change))
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: error %v, want %v … %s", c.name, err, c.want, c.text)
		}
	}
	for name, b := range map[string][]byte{"empty": nil, "text": []byte("no filter at all"), "short": []byte("PK"), "another archive": archive(t, "a.txt", []byte("x"))} {
		if _, err := read(b); !errors.Is(err, ErrNotFilter) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := read([]byte("PK\x03\x04 and so on")); !errors.Is(err, ErrDamaged) {
		t.Errorf("half an archive: error %v", err)
	}
}

func archive(t testing.TB, name string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	m, err := w.Create(name)
	if err == nil {
		_, err = m.Write(b)
	}
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestBomb: a small file does not unpack to much.
func TestBomb(t *testing.T) {
	b := written(t, small(t, Linear))
	huge := bytes.Repeat([]byte{1, 1, 0}, 20<<20) // 20 million records seen
	for name, change := range map[string]func(map[string]any, map[string][]byte){
		"seen":      func(_ map[string]any, m map[string][]byte) { m[seenName] = append([]byte{0}, huge...) },
		"journal":   func(_ map[string]any, m map[string][]byte) { m[journalName] = huge },
		"counts":    func(_ map[string]any, m map[string][]byte) { m[countsName] = huge },
		"a name":    func(_ map[string]any, m map[string][]byte) { m[weightsName+"x"] = huge },
		"the whole": func(m map[string]any, _ map[string][]byte) { m["zone"] = string(huge[:2<<20]) },
	} {
		bomb := forge(t, b, change)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		_, err := read(bomb)
		runtime.ReadMemStats(&after)
		if name != "a name" && err == nil {
			t.Errorf("%s: it was read", name)
		}
		if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 700 { // of growing one buffer to 60 MB
			t.Errorf("%s: reading %d KiB took %d MiB", name, len(bomb)>>10, got)
		}
	}
}

// TestForgedJournal: a journal may name tokens that the filter does not know.
func TestForgedJournal(t *testing.T) {
	f, err := read(forge(t, written(t, small(t, Linear)), func(_ map[string]any, m map[string][]byte) {
		b := binary.AppendUvarint(nil, 1)
		b = append(binary.LittleEndian.AppendUint64(b, 7), 1)
		b = binary.LittleEndian.AppendUint64(b, 0)
		m[journalName] = binary.AppendUvarint(binary.AppendUvarint(b, 1), 1<<32|12345)
	}))
	if err != nil {
		t.Fatal(err)
	}
	g, _ := learn(t, f, false, 1, file{"more.log", Bad, examples(32, 1, 5)[1].lines})
	reread(t, g)
}

// FuzzRead: whatever a file holds, reading it ends with a fault or a filter that works: it judges, explains, learns and can
// be written. x is put into a filter's file at a place: into the file as it is, into its manifest, or, with sums put right,
// into one of its members, which ends there where cut is set.
func FuzzRead(f *testing.F) {
	var whole [][]byte
	for _, l := range plainLearners {
		whole = append(whole, written(f, small(f, l)))
	}
	names := []string{"", manifestName, countsName, weightsName, baseName, seenName, journalName}
	for k := range names {
		for which := range whole {
			f.Add(uint8(which), uint8(k), uint32(0), []byte{}, false)
			f.Add(uint8(which), uint8(k), uint32(7), []byte{0xff, 0xff, 0xff}, k%2 == 0)
		}
	}
	for _, x := range []string{`-1`, `1e99`, `null`, `"access"`, `"x":{},`} {
		f.Add(uint8(0), uint8(1), uint32(400), []byte(x), false)
	}
	lines := examples(33, 5, 5)
	f.Fuzz(func(t *testing.T, which, kind uint8, at uint32, x []byte, cut bool) {
		b := whole[int(which)%len(whole)]
		put := func(b []byte) []byte {
			n := int(at) % (len(b) + 1)
			out := append(bytes.Clone(b[:n]), x...)
			if !cut && n+len(x) < len(b) {
				out = append(out, b[n+len(x):]...)
			}
			return out
		}
		switch name := names[int(kind)%len(names)]; name {
		case "":
			b = put(b)
		case manifestName:
			b = unzipped(t, b, func(m map[string][]byte) { m[name] = put(m[name]) })
		default:
			b = forge(t, b, func(_ map[string]any, m map[string][]byte) { m[name] = put(m[name]) })
		}
		g, err := read(b)
		if err != nil {
			for _, known := range []error{ErrNotFilter, ErrDamaged, ErrScheme, ErrNewer} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("another kind of error: %v", err)
		}
		j := g.NewJudge(enrichment())
		h := *g
		h.Reading = format.Choice{Formats: []string{"access"}}
		eachEvent(t, &h, lines, func(e *event.Event, _ Label) {
			a, clues := j.Clues(e)
			if !(a.Probability > 0 && a.Probability < 1) || math.IsInf(a.Score, 0) || math.IsNaN(a.Score) || len(clues) == 0 {
				t.Fatalf("%+v", a)
			}
		})
		in, label := inputsOf(lines)
		if k, _, _, err := h.Learn(context.Background(), in, LearnOptions{Label: ByPlace(label), Workers: 1}); err == nil {
			reread(t, k)
		}
		written(t, g)
	})
}
