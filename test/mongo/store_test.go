package mongo

import (
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

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

// TestVersions opens stores of a newer and an older format.
func TestVersions(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			uri := s.database(t)
			open(t, uri)
			for version, want := range map[int]error{mongo.Version + 1: lake.ErrNewer, mongo.Version - 1: mongo.ErrOld} {
				_, err := collectionOf(t, uri, "meta").UpdateOne(t.Context(), bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: "version", Value: version}}}})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := mongo.Open(t.Context(), uri, storetest.Settings, true); !errors.Is(err, want) {
					t.Errorf("version %d: %v", version, err)
				}
			}
		})
	}
}
