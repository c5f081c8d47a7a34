package lake

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weir/internal/enrich"
)

// ErrGeo says that counts would be made with another database of countries than those that the lake has.
var ErrGeo = errors.New("the lake was counted with other countries and networks")

// A keptGeo is the database of countries that the counts of a lake were made with, in meta under geoip. The lake has a copy of it:
// the operator's own is replaced every month, and counts that are to be taken away again have to be the same.
type keptGeo struct {
	Path   string `json:"path"`   // where it was taken from
	SHA256 string `json:"sha256"` // of the copy, geoip-<first 16 digits>.mmdb in the lake's directory
	Built  int64  `json:"built"`  // seconds since 1970
	Kind   string `json:"kind"`
}

func (k *keptGeo) name() string { return "geoip-" + k.SHA256[:16] + ".mmdb" }

func (k *keptGeo) String() string {
	return fmt.Sprintf("%q (%s, built %s)", k.Path, k.Kind, time.Unix(k.Built, 0).UTC().Format(time.DateOnly))
}

// readGeo returns what meta says; nil if counts are made without.
func readGeo(ctx context.Context, q querier) (*keptGeo, error) {
	rows, err := q.QueryContext(ctx, `SELECT value FROM meta WHERE key = 'geoip'`)
	if err != nil {
		return nil, fmt.Errorf("cannot read the lake's GeoIP database: %w", err)
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	var text string
	if err := rows.Scan(&text); err != nil {
		return nil, fmt.Errorf("cannot read the lake's GeoIP database: %w", err)
	}
	k := &keptGeo{}
	if err := json.Unmarshal([]byte(text), k); err != nil || len(k.SHA256) != 2*sha256.Size || strings.Trim(k.SHA256, "0123456789abcdef") != "" {
		return nil, fmt.Errorf("cannot read the lake's GeoIP database: meta says %q", text)
	}
	return k, nil
}

// settleGeo makes sure, before anything is counted, that it is counted with the database that the lake was: it opens the lake's own
// copy. One that is given must be the same; a lake without events takes it.
func (l *Lake) settleGeo(ctx context.Context) error {
	l.geoLock.Lock()
	defer l.geoLock.Unlock()
	if l.geoSettled {
		return nil
	}
	kept, err := readGeo(ctx, l.db)
	if err != nil {
		return err
	}
	if l.geo != nil {
		if kept, err = l.compareGeo(ctx, kept); err != nil {
			return err
		}
	}
	if kept != nil {
		if l.geo, err = l.openGeo(kept); err != nil {
			return err
		}
		l.geoSum = kept.SHA256
	}
	l.geoSettled = true
	return nil
}

// compareGeo returns the database that the lake keeps to, now that one is given.
func (l *Lake) compareGeo(ctx context.Context, kept *keptGeo) (*keptGeo, error) {
	given := &keptGeo{Path: l.geo.Path(), Built: l.geo.Built().Unix(), Kind: l.geo.Kind()}
	if abs, err := filepath.Abs(given.Path); err == nil && given.Path != "" {
		given.Path = abs
	}
	sum := sha256.New()
	if err := copyGeo(sum, l.geo); err != nil {
		return nil, err
	}
	given.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if kept != nil && kept.SHA256 == given.SHA256 {
		return kept, nil
	}
	var events int
	if err := l.db.QueryRowContext(ctx, `SELECT count(*) FROM segments WHERE kind = ?`, kindEvents).Scan(&events); err != nil {
		return nil, fmt.Errorf("cannot list segments: %w", err)
	}
	if events > 0 || l.readOnly {
		return nil, otherGeo(kept, given)
	}
	return given, l.keepGeo(ctx, given)
}

func otherGeo(kept, given *keptGeo) error {
	if kept == nil {
		return fmt.Errorf("%w: without any, and %s is given; leave --geoip out, or ingest the logs into a new lake", ErrGeo, given)
	}
	return fmt.Errorf("%w: with %s, of which it has a copy, and %s is another; leave --geoip out, or ingest the logs into a new lake", ErrGeo, kept, given)
}

func copyGeo(w io.Writer, g *enrich.GeoDB) error {
	r, err := g.Content()
	if err != nil {
		return err
	}
	defer r.Close() // it was only read
	if _, err := io.Copy(w, r); err != nil {
		return fmt.Errorf("cannot read GeoIP database %q: %w", g.Path(), pathError(err))
	}
	return nil
}

// keepGeo copies the database that is given into the lake, unless events have come in meanwhile.
func (l *Lake) keepGeo(ctx context.Context, k *keptGeo) error {
	text, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("cannot keep the GeoIP database: %w", err)
	}
	var size int64
	var sum []byte
	err = l.writeFile(k.name(), &size, &sum, func(w io.Writer) error { return copyGeo(w, l.geo) })
	if err != nil && !errors.Is(err, os.ErrExist) { // somebody who was killed may have left it; openGeo looks what is in it
		return err
	}
	return l.update(ctx, func(tx *sql.Tx) error {
		var events int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM segments WHERE kind = ?`, kindEvents).Scan(&events); err != nil {
			return fmt.Errorf("cannot list segments: %w", err)
		}
		if events > 0 {
			return fmt.Errorf("%w: another weir has ingested events meanwhile; run again", ErrGeo)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO meta VALUES ('geoip', ?) ON CONFLICT DO UPDATE SET value = excluded.value`, string(text))
		if err != nil {
			return fmt.Errorf("cannot keep the GeoIP database: %w", err)
		}
		return nil
	})
}

// openGeo opens the lake's copy, or the one that is given if that is the same.
func (l *Lake) openGeo(k *keptGeo) (*enrich.GeoDB, error) {
	full := l.path(k.name())
	data, err := os.ReadFile(full)
	if err != nil && l.geo != nil {
		return l.geo, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: with %s, and its copy %q cannot be read (%w); give the same with --geoip", ErrGeo, k, full, pathError(err))
	}
	if got := sha256.Sum256(data); hex.EncodeToString(got[:]) != k.SHA256 {
		return nil, fmt.Errorf("%w: with %s, and its copy %q was changed since; put the same there again", ErrGeo, k, full)
	}
	return enrich.NewGeoDB(data)
}

// sameGeo makes sure, within the transaction that adds the first events, that they are counted as the lake is.
func (l *Lake) sameGeo(ctx context.Context, tx *sql.Tx) error {
	k, err := readGeo(ctx, tx)
	if err != nil {
		return err
	}
	if k == nil && l.geoSum == "" || k != nil && k.SHA256 == l.geoSum {
		return nil
	}
	return fmt.Errorf("%w: another weir has chosen them meanwhile; run again", ErrGeo)
}
