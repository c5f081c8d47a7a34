// Package mongo tests the MongoDB store against servers that speak its wire protocol: FerretDB, within the test, and the one
// that WEIR_TEST_MONGODB names, if any. It is a module of its own, so that weir does not depend on FerretDB.
package mongo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/FerretDB/FerretDB/ferretdb"
)

// A server is one under test.
type server struct {
	name string
	uri  string // without a database, with a / at the end
	args string // the options after a ?
}

var databases atomic.Int64

// database returns the URI of a database that nobody else has.
func (s server) database(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("%sweir_test_%d_%d%s", s.uri, os.Getpid(), databases.Add(1), s.args)
}

// start runs FerretDB with its files in dir, and returns its URI and what ends it. Its SQLite has to be in files: in memory it
// hangs.
func start(t testing.TB, dir string) (uri string, stop func()) {
	t.Helper()
	f, err := ferretdb.New(&ferretdb.Config{Listener: ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Handler: "sqlite", SQLiteURL: "file:" + dir + "/"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f.Run(ctx)
	}()
	return f.MongoDBURI(), func() {
		cancel()
		<-done
	}
}

// servers are those that there are.
func servers(t *testing.T) []server {
	t.Helper()
	uri, stop := start(t, t.TempDir())
	t.Cleanup(stop)
	list := []server{{name: "FerretDB", uri: uri}}
	if own := os.Getenv("WEIR_TEST_MONGODB"); own != "" {
		head, query, found := strings.Cut(own, "?")
		if found {
			query = "?" + query
		}
		list = append(list, server{name: "WEIR_TEST_MONGODB", uri: strings.TrimSuffix(head, "/") + "/", args: query})
	} else {
		t.Log("*** NOT TESTED on a real mongod: WEIR_TEST_MONGODB names none")
	}
	return list
}
