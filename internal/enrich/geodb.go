package enrich

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// A GeoDB looks addresses up in one of the operator's databases in MaxMind's format: of countries, of cities, of
// autonomous systems, or of several of these. It may be used by several goroutines.
type GeoDB struct {
	db   *maxminddb.Reader
	path string
	data []byte // instead of path
}

// A Place is what a GeoDB knows of an address. What its database does not hold is empty.
type Place struct {
	Country string // ISO 3166
	ASN     uint32 // number of the autonomous system
	Org     string // who runs it
}

// OpenGeoDB opens the database in a file, which is mapped into memory until [GeoDB.Close].
func OpenGeoDB(path string) (*GeoDB, error) {
	db, err := maxminddb.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open geo database %q: %w", path, err)
	}
	return &GeoDB{db: db, path: path}, nil
}

// NewGeoDB opens a database in memory. It keeps data, which must not change.
func NewGeoDB(data []byte) (*GeoDB, error) {
	db, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("cannot read geo database: %w", err)
	}
	return &GeoDB{db: db, data: data}, nil
}

// Close gives the database back. No look-up may follow.
func (g *GeoDB) Close() error { return g.db.Close() }

// Path returns the file that the database was opened from; empty if it is in memory.
func (g *GeoDB) Path() string { return g.path }

// Built returns when the database was made.
func (g *GeoDB) Built() time.Time { return g.db.Metadata.BuildTime() }

// Kind returns what the database calls itself, as "GeoLite2-Country".
func (g *GeoDB) Kind() string { return g.db.Metadata.DatabaseType }

// Content returns the bytes of the database.
func (g *GeoDB) Content() (io.ReadCloser, error) {
	if g.path == "" {
		return io.NopCloser(bytes.NewReader(g.data)), nil
	}
	f, err := os.Open(g.path)
	if err != nil {
		return nil, fmt.Errorf("cannot read geo database: %w", err)
	}
	return f, nil
}

// geoRecord has the fields of MaxMind's databases and, below them, of flat ones (IPinfo, ip-location-db).
type geoRecord struct {
	Country struct {
		ISOCode string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	Registered struct {
		ISOCode string `maxminddb:"iso_code"`
	} `maxminddb:"registered_country"`
	ASN uint32 `maxminddb:"autonomous_system_number"`
	Org string `maxminddb:"autonomous_system_organization"`
}

type flatRecord struct {
	CountryCode string `maxminddb:"country_code"`
}

type flatterRecord struct {
	Country string `maxminddb:"country"`
}

// Lookup returns what the database holds on an address; the zero Place if it holds nothing, or nothing readable.
func (g *GeoDB) Lookup(a netip.Addr) Place {
	a = a.Unmap().WithZone("")
	if !a.IsValid() {
		return Place{}
	}
	result := g.db.Lookup(a)
	var r geoRecord
	// An error is a field of another type (a flat "country": "NL"); what was decoded before it still counts.
	_ = result.Decode(&r)
	p := Place{Country: r.Country.ISOCode, ASN: r.ASN, Org: r.Org}
	if p.Country == "" {
		p.Country = r.Registered.ISOCode
	}
	if p.Country == "" && result.Found() {
		var flat flatRecord
		_ = result.Decode(&flat)
		if p.Country = flat.CountryCode; p.Country == "" {
			var flatter flatterRecord
			_ = result.Decode(&flatter)
			p.Country = flatter.Country
		}
	}
	return p
}
