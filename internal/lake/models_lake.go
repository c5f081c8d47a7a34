package lake

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

// keptModels is how many models keep their files: the last, and the one that it is compared with.
const keptModels = 2

// commitModel saves the model, unless marks or segments have changed since; and returns the files of those that are too old.
func (l *Lake) commitModel(ctx context.Context, m *Model) (removed []string, err error) {
	marksText, err := json.Marshal(m.Marks)
	if err != nil {
		return nil, err
	}
	err = l.update(ctx, func(tx *sql.Tx) error {
		now := &View{}
		list, err := segments(ctx, tx, `kind = ?`, kindEvents)
		if err != nil {
			return err
		}
		now.Of = segmentIDs(list)
		if now.Marks, err = listMarks(ctx, tx); err != nil {
			return err
		}
		if !m.MadeFrom(now) {
			return fmt.Errorf("%w: marks or segments have changed", ErrOvertaken)
		}
		if _, err := os.Stat(l.path(m.Name)); err != nil {
			return fmt.Errorf("cannot commit %q: %w; run again", l.path(m.Name), pathError(err))
		}
		r, err := tx.ExecContext(ctx, `INSERT INTO models (made, marks, segments, half_life, good, bad, ignored, path, size, hash)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, m.Made, string(marksText), m.Of, m.HalfLife, m.Good, m.Bad, m.Ignored, m.Name, m.Size, m.Hash)
		if err != nil {
			return fmt.Errorf("cannot save the model: %w", err)
		}
		if m.ID, err = r.LastInsertId(); err != nil {
			return fmt.Errorf("cannot save the model: %w", err)
		}
		removed, err = removeModels(ctx, tx, `path != '' AND id NOT IN (SELECT id FROM models WHERE path != '' ORDER BY id DESC LIMIT `+strconv.Itoa(keptModels)+`)`)
		return err
	})
	return removed, err
}

// removeModels takes the files from models; the rows stay, for who wants to know what was when.
func removeModels(ctx context.Context, tx *sql.Tx, where string) (names []string, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT path FROM models WHERE `+where)
	if err != nil {
		return nil, fmt.Errorf("cannot list models: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("cannot list models: %w", err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("cannot list models: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE models SET path = '', size = 0, hash = x'' WHERE `+where); err != nil {
		return nil, fmt.Errorf("cannot remove models: %w", err)
	}
	return names, nil
}

// Models returns all models, the first first.
func (l *Lake) Models(ctx context.Context) ([]Model, error) { return l.models(ctx, `true ORDER BY id`) }

func (l *Lake) models(ctx context.Context, where string) ([]Model, error) {
	rows, err := l.db.QueryContext(ctx, `SELECT id, made, marks, segments, half_life, good, bad, ignored, path, size, hash FROM models WHERE `+where)
	if err != nil {
		return nil, fmt.Errorf("cannot list models: %w", err)
	}
	defer rows.Close()
	var out []Model
	for rows.Next() {
		var m Model
		var marks string
		if err := rows.Scan(&m.ID, &m.Made, &marks, &m.Of, &m.HalfLife, &m.Good, &m.Bad, &m.Ignored, &m.Name, &m.Size, &m.Hash); err != nil {
			return nil, fmt.Errorf("cannot list models: %w", err)
		}
		if err := json.Unmarshal([]byte(marks), &m.Marks); err != nil {
			return nil, fmt.Errorf("cannot read model %d: %w", m.ID, err)
		}
		out = append(out, m)
	}
	return out, rows.Err()
}
