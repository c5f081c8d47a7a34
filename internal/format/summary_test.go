package format

import (
	"slices"
	"testing"
)

// TestTold: files are told of by format and name, whatever their order.
func TestTold(t *testing.T) {
	s := &Summary{Files: []FileSummary{{Name: "b", Format: "csv", Records: 3, Malformed: 1}, {Name: "c", Format: "access", Records: 2}, {Name: "d"},
		{Name: "a", Format: "access", Records: 1, Untimed: 1}}}
	want := []FormatTotals{{"access", 2, 3, 1, 0}, {"csv", 1, 3, 0, 1}} // as many records: by name
	for range 2 {
		if got := s.ByFormat(); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		names := ""
		for _, f := range s.ByName() {
			names += f.Name
		}
		if names != "abcd" {
			t.Errorf("files come as %s", names)
		}
		slices.Reverse(s.Files)
	}
	s.Files[0].Records, s.Files[0].Format = 9, "csv"
	if got := s.ByFormat()[0].Format; got != "csv" {
		t.Errorf("%s comes first, which has not most records", got)
	}
}
