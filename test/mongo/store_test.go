package mongo

import (
	"testing"

	"weir/internal/lake"
	"weir/internal/mongo"
	"weir/internal/storetest"
)

func TestStore(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) func() lake.Store {
				uri := s.database(t)
				return func() lake.Store {
					m, err := mongo.Open(t.Context(), uri, storetest.Settings, true)
					if err != nil {
						t.Fatal(err)
					}
					return m
				}
			})
		})
	}
}
