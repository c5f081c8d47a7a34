package marks

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"weir/internal/event"
)

// TestSeenTravels: two who met some of the marked records each leave the notes of one who met all of them.
func TestSeenTravels(t *testing.T) {
	lines := []string{"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
	var journal strings.Builder
	for i, l := range lines {
		m := Mark{ID: strings.Repeat(string(rune('a'+i)), 16), When: time.Unix(1, 0).UTC(), Who: "x", What: Bad, Records: []Records{{File: "a.log", Lines: []int64{int64(i + 1)}, Hashes: []uint64{Hash([]byte(l))}}}}
		b, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		journal.Write(b)
	}
	set, err := Read(strings.NewReader(journal.String()))
	if err != nil {
		t.Fatal(err)
	}
	bind := func(which func(int) bool) *Binding {
		b := set.Bind([]string{"a.log"})
		l := b.Labeller()
		for i, text := range lines {
			if which(i) {
				l.Label(0, &event.Event{}, []byte(text))
			}
		}
		return b
	}
	want := bind(func(i int) bool { return i != 8 }).Notes()
	var sum Seen
	for _, which := range []func(int) bool{func(i int) bool { return i < 4 }, func(i int) bool { return i%2 == 1 }, func(i int) bool { return i > 3 && i != 8 }} {
		if err := sum.Add(bind(which).AppendSeen(nil)); err != nil {
			t.Fatal(err)
		}
	}
	value, _ := sum.Append(nil)
	got := bind(func(int) bool { return false })
	if err := got.See(value); err != nil {
		t.Fatal(err)
	}
	if len(want) != 1 || !reflect.DeepEqual(got.Notes(), want) {
		t.Errorf("notes %q, want %q", got.Notes(), want)
	}
	for _, bad := range []string{"", "\x02\x03", "\x0a\x00", "\xff"} {
		if got.See([]byte(bad)) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
