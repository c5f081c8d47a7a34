// Package mongo keeps the archive of package lake in a MongoDB database, where a team runs one already.
//
// [Open] opens a store by its URI and makes it where there is none; [Store.Ingest], [Store.Scan], [Store.Status],
// [Store.Verify] and [Store.Forget] do what those of a lake do; [Store.Query] runs an aggregation pipeline; [Collection]
// gives the documents of somebody else as a log.
//
// # The database, version 2
//
//	meta       one document: version, seed of the hashes, zone of the hours, version of the token scheme
//	sources    a log: how its content starts (first_hash, head_hash); _id is its fingerprint and a running number
//	batches    a stretch of a log that was read: lines from … to, how far that is in bytes, what was in it; _id source:from
//	events     a record, with ECS names nested as ECS nests them (document.go); _id source:line
//	layouts    the names of fields in the order of a record; _id their fingerprint
//	counts     token counts by field, of a day of a batch or of a share (counts.go)
//	malformed  lines that could not be read, with the reason; _id source:line
//	files      a path whose file was read to its end, with its size and time then
//	marks      the journal of marks, entry by entry; _id 1, 2, 3 …
//	shares     of what is bad, and what is ignored, in a day of a batch; _id that day and the marks that they are of (shares.go)
//	models     trainings; _id 1, 2, 3 …; what they found is in model_parts
//
// # What makes it safe
//
// There are no transactions, since a single server has none. Every _id says what the document is, so that writing it
// again changes nothing. What is read goes into events, malformed and counts first; then the document in batches is
// inserted, and that is the commit: events at lines that no batch covers are not there for any reader, and who reads that
// log next writes them again. Of two processes that read one log, the second to insert a batch finds its _id taken
// (lake.ErrOvertaken) and looks again. A mark and a model are committed in the same way: under the number behind the last one.
// What was written for a commit that never came is swept (sweep.go).
//
// Writes wait for a majority of the replicas and their journals unless the URI says otherwise.
package mongo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"weir/internal/enrich"
	"weir/internal/lake"
	"weir/internal/token"
)

// Version is the version of the database's format. Batches of version 1 do not say what they hold by day.
const Version = 2

// Errors that a caller may want to tell apart. Others are those of package lake.
var (
	ErrServer = errors.New("the MongoDB server cannot be reached or refuses")
	ErrURI    = errors.New("this is no MongoDB URI")
	ErrOld    = errors.New("the store was made by a weir before the first version")
)

// A Store is an open archive. Its methods may be called by several goroutines.
type Store struct {
	Name string // of server and database, without credentials
	Zone *time.Location
	// SweepAfter is how old what was never committed has to be before the next ingest removes it: an hour, unless it is changed.
	SweepAfter time.Duration
	*lake.Trainer

	client *driver.Client
	db     *driver.Database
	seed   uint64
	geo    *enrich.GeoDB
	now    func() time.Time
	mu     sync.Mutex
	swept  time.Time            // when this process looked for litter last
	known  map[string]*batchDoc // by version of their counts: batches that training knows of
}

var _ lake.Store = (*Store)(nil)

// IsURI reports whether a text is meant as the URI of a MongoDB server.
func IsURI(text string) bool {
	return strings.HasPrefix(text, "mongodb://") || strings.HasPrefix(text, "mongodb+srv://")
}

// split takes a URI apart: what stands before the database, the database (and collection), and the options.
func split(uri string) (server, path, query string, err error) {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok || !IsURI(uri) {
		return "", "", "", fmt.Errorf("%w: write mongodb://host/database", ErrURI)
	}
	rest, query, _ = strings.Cut(rest, "?")
	host, path, _ := strings.Cut(rest, "/")
	if host == "" {
		return "", "", "", fmt.Errorf("%w: it names no host; write mongodb://host/database", ErrURI)
	}
	return scheme + "://" + host, path, query, nil
}

// without takes the credentials out of the server part of a URI.
func without(server string) string {
	scheme, host, _ := strings.Cut(server, "://")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	return scheme + "://" + host
}

// connect returns a client. It opens no connection yet.
func connect(server, database, query string) (*driver.Client, error) {
	uri := server + "/" + database
	if query != "" {
		uri += "?" + query
	}
	o := options.Client().ApplyURI(uri).SetAppName("weir")
	if o.ServerSelectionTimeout == nil {
		o.SetServerSelectionTimeout(10 * time.Second)
	}
	if o.WriteConcern == nil {
		journal := true
		o.SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: &journal})
	}
	if o.ReadConcern == nil {
		o.SetReadConcern(readconcern.Majority())
	}
	c, err := driver.Connect(o)
	if err != nil {
		text := err.Error()
		if i := strings.LastIndexByte(server, '@'); i >= 0 { // the driver may say what it was given
			text = strings.ReplaceAll(text, server[strings.Index(server, "://")+3:i], "…")
		}
		return nil, fmt.Errorf("%w: %s", ErrURI, text)
	}
	return c, nil
}

// Open opens the store in the database that the URI names, and makes it if there is none and create is set.
func Open(ctx context.Context, uri string, settings lake.Settings, create bool) (*Store, error) {
	server, path, query, err := split(uri)
	if err != nil {
		return nil, err
	}
	if path == "" || strings.ContainsAny(path, "./ ") {
		return nil, fmt.Errorf("%w of a store: it has to name a database, as mongodb://host/database", ErrURI)
	}
	client, err := connect(server, path, query)
	if err != nil {
		return nil, err
	}
	s := &Store{Name: without(server) + "/" + path, client: client, db: client.Database(path), geo: settings.Geo, now: time.Now,
		SweepAfter: time.Hour}
	s.Trainer = lake.NewTrainer(ground{s})
	if err := s.load(ctx, settings, create); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// metaDoc is the document of meta.
type metaDoc struct {
	ID      string `bson:"_id"`
	Version int    `bson:"version"`
	Seed    string `bson:"seed"`
	Zone    string `bson:"zone"`
	Tokens  int    `bson:"token_version"`
}

// load reads meta, makes it where it may, and refuses what this weir does not understand.
func (s *Store) load(ctx context.Context, settings lake.Settings, create bool) error {
	var m metaDoc
	err := s.db.Collection("meta").FindOne(ctx, bson.D{{Key: "_id", Value: "weir"}}).Decode(&m)
	if errors.Is(err, driver.ErrNoDocuments) && !create {
		return fmt.Errorf("%w in %q", lake.ErrNoLake, s.Name)
	}
	if errors.Is(err, driver.ErrNoDocuments) {
		if err := s.initialize(ctx, settings); err != nil {
			return err
		}
		err = s.db.Collection("meta").FindOne(ctx, bson.D{{Key: "_id", Value: "weir"}}).Decode(&m)
	}
	if err != nil {
		return s.fail("open the store", err)
	}
	if m.Version > Version {
		return fmt.Errorf("%w: %q has version %d, this one reads up to %d", lake.ErrNewer, s.Name, m.Version, Version)
	}
	if m.Version < Version {
		return fmt.Errorf("%w: %q has version %d, this weir %d; ingest the logs into a new database", ErrOld, s.Name, m.Version, Version)
	}
	if m.Tokens != token.Version {
		return fmt.Errorf("%w: %q has version %d, this weir %d; ingest the logs into a new database", lake.ErrScheme, s.Name, m.Tokens,
			token.Version)
	}
	if s.seed, err = strconv.ParseUint(m.Seed, 16, 64); err != nil {
		return fmt.Errorf("cannot open the store %q: its seed is %q", s.Name, m.Seed)
	}
	if s.Zone, err = time.LoadLocation(m.Zone); err != nil {
		return fmt.Errorf("cannot open the store %q: its time zone %q is not known here", s.Name, m.Zone)
	}
	return nil
}

// initialize writes meta and the indexes. Of two processes that make the same store the second finds meta there.
func (s *Store) initialize(ctx context.Context, settings lake.Settings) error {
	zone := settings.Zone
	if zone == nil {
		zone = time.UTC
	}
	for _, index := range []driver.IndexModel{{Keys: bson.D{{Key: timeField, Value: 1}}},
		{Keys: bson.D{{Key: "source.ip", Value: 1}, {Key: timeField, Value: 1}}},
		{Keys: bson.D{{Key: "host.name", Value: 1}, {Key: timeField, Value: 1}}}} {
		if _, err := s.db.Collection("events").Indexes().CreateOne(ctx, index); err != nil {
			return s.fail("make an index", err)
		}
	}
	if _, err := s.db.Collection("counts").Indexes().CreateOne(ctx, driver.IndexModel{Keys: bson.D{{Key: "batch", Value: 1}}}); err != nil {
		return s.fail("make an index", err)
	}
	seed, err := randomName()
	if err != nil {
		return err
	}
	if settings.Seed != 0 {
		seed = strconv.FormatUint(settings.Seed, 16)
	}
	m := metaDoc{ID: "weir", Version: Version, Seed: seed, Zone: zone.String(), Tokens: token.Version}
	if _, err := s.db.Collection("meta").InsertOne(ctx, m); err != nil && !driver.IsDuplicateKeyError(err) {
		return s.fail("make the store", err)
	}
	return nil
}

// randomName returns 16 hexadecimal digits that nobody else has.
func randomName() (string, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("cannot make a random name: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// newName returns a name that nobody else has, and that says when it was made (sweep.go).
func (s *Store) newName() (string, error) {
	name, err := randomName()
	return fmt.Sprintf("%08x%s", uint32(s.now().Unix()), name), err
}

// newCounter returns a counter of tokens.
func (s *Store) newCounter() *lake.Counter { return lake.NewCounter(s.seed, s.Zone, s.geo) }

// Close lets go of the server. What was committed is safe without it.
func (s *Store) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.client.Disconnect(ctx)
}

// fail says what could not be done.
func (s *Store) fail(what string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("cannot %s: %w", what, err)
	}
	return fmt.Errorf("cannot %s in %s: %w: %w", what, s.Name, ErrServer, err)
}

// all decodes every document of a collection that a filter names, in the order of _id.
func all[T any](ctx context.Context, s *Store, collection string, filter bson.D) ([]T, error) {
	cursor, err := s.db.Collection(collection).Find(ctx, filter, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		return nil, s.fail("read "+collection, err)
	}
	var out []T
	if err := cursor.All(ctx, &out); err != nil {
		return nil, s.fail("read "+collection, err)
	}
	return out, nil
}
