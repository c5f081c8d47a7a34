// Package parity holds weir's estimators to scikit-learn's, SciPy's and mlpy's: what these make of small inputs is in
// testdata, written by oracle.py, and read by the tests of the packages with the estimators.
package parity

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Within is how near weir has to come, relative to the larger of the expected value and 1.
const Within = 1e-9

// Cases reads the cases of a file of testdata.
func Cases[T any](t *testing.T, name string) []T {
	t.Helper()
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("cannot find the directory of the oracles")
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(here), "testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Versions map[string]string
		Cases    []T
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 || len(file.Versions) == 0 {
		t.Fatalf("%s has no cases", name)
	}
	return file.Cases
}

// Number is a float that may be minus infinity, which JSON has as null.
type Number float64

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.Inf(-1))
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// Near fails the test unless got is want, to 1e-9.
func Near(t *testing.T, got, want float64, format string, args ...any) {
	t.Helper()
	if got != want && !(math.Abs(got-want) <= Within*math.Max(1, math.Abs(want))) {
		t.Errorf("%s: %v, want %v", fmt.Sprintf(format, args...), got, want)
	}
}
