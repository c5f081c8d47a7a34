package hunt

import "testing"

// TestClass holds what a mark makes of an event.
func TestClass(t *testing.T) {
	for _, x := range []struct {
		mark            Mark
		decide          bool
		inside, matches bool
		want            string
	}{
		{Unmarked, false, true, true, "suspicious"},
		{Unmarked, false, true, false, "good"},
		{Unmarked, false, false, true, "good"},
		{Unmarked, true, true, true, "good"}, // the windows are those of marks, and no mark holds it
		{MarkedGood, false, true, true, "good"},
		{MarkedIgnored, false, true, true, "nothing"},
		{MarkedIgnored, true, false, false, "nothing"},
		{MarkedBad, false, true, false, "suspicious"},
		{MarkedBad, false, false, true, "nothing"}, // another break-in is no known good
		{MarkedSuspicious, true, true, false, "suspicious"},
		{MarkedSuspicious, false, true, true, "suspicious"},
		{MarkedSuspicious, false, true, false, "nothing"},
		{MarkedSuspicious, false, false, true, "nothing"},
	} {
		q := &question{marksDecide: x.decide}
		suspicious, use := q.class(x.mark, x.inside, x.matches)
		got := "good"
		switch {
		case suspicious:
			got = "suspicious"
		case !use:
			got = "nothing"
		}
		if got != x.want {
			t.Errorf("%+v is %s", x, got)
		}
	}
}
