package lake_test

import (
	"path/filepath"
	"testing"

	"weir/internal/lake"
	"weir/internal/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func() lake.Store {
		dir := filepath.Join(t.TempDir(), "lake")
		return func() lake.Store {
			l, err := lake.Create(t.Context(), dir, storetest.Settings)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
	})
}
