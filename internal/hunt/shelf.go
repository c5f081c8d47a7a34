package hunt

import (
	"fmt"
	"slices"
	"sync"

	"weir/internal/count"
	"weir/internal/token"
)

// A shelf keeps the counts of a hunt that many machines have made. The vocabulary of their logs may be larger than the memory of the
// one that judges, which asks for little of it: the tokens of the window and of clean windows, and the shape of fields. So bundles
// are put aside as they come, and are looked through, one after the other, once it is known what is asked for.
type shelf struct {
	spool
	at map[string][]piece // by kind and key
}

// A piece is a bundle on the shelf.
type piece struct {
	at int64
	n  uint32
}

func (s *shelf) add(kind byte, key, value []byte) error {
	at, n, err := s.spool.add(value)
	if err != nil {
		return err
	}
	k := string(kind) + string(key)
	s.at[k] = append(s.at[k], piece{at, n})
	return nil
}

// A wish is what is asked of one field's counts.
type wish struct {
	group         *count.Group
	values, parts map[uint64]bool // tokens
	bundles       [2][]string     // keys on the shelf, by table
}

// fetchCounts takes the counts that windows ask for off the shelf, which is closed.
func (h *hunter) fetchCounts(windows []*analysis) error {
	wishes := h.wishes(windows)
	for key := range h.shelf.at {
		if w := wishes[key[3:]]; w != nil {
			table := count.Values
			if key[0] == recordParts {
				table = count.Parts
			}
			w.bundles[table] = append(w.bundles[table], key)
		}
	}
	if err := h.shelf.flush(); err != nil {
		return err
	}
	list := make([]*wish, 0, len(wishes))
	for _, w := range wishes {
		list = append(list, w)
	}
	errs := make([]error, len(list))
	parallel(len(list), func(i int) { errs[i] = h.shelf.fetch(list[i]) })
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	err := h.shelf.close()
	h.shelf = nil
	return err
}

// wishes are those of all features of windows, by field.
func (h *hunter) wishes(windows []*analysis) map[string]*wish {
	wishes := map[string]*wish{}
	var mu sync.Mutex
	parallel(len(windows), func(i int) {
		codify := token.NewCodifier(h.q.seed, h.opt.Enrich())
		var parts []token.Part
		own := map[*count.Group]*wish{}
		a := windows[i]
		for k := range a.features {
			f := h.keep.feature(a.features[k].id)
			g := a.fields[a.features[k].field].group
			w := own[g]
			if w == nil {
				w = &wish{group: g, values: map[uint64]bool{}, parts: map[uint64]bool{}}
				own[g] = w
			}
			w.values[max(f.Hash, 1)] = true // as tables have it
			parts = codify.KindedParts(&f, parts[:0])
			for _, p := range parts {
				w.parts[max(p.Hash, 1)] = true
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for g, w := range own {
			have := wishes[g.Name]
			if have == nil {
				wishes[g.Name] = w
				continue
			}
			for t := range w.values {
				have.values[t] = true
			}
			for t := range w.parts {
				have.parts[t] = true
			}
		}
	})
	return wishes
}

// fetch goes through the bundles of a field.
func (s *shelf) fetch(w *wish) error {
	w.group.TakeSome(count.NewBundle(count.Values), minBound, nil) // there may be none
	for table, wanted := range []map[uint64]bool{w.values, w.parts} {
		slices.Sort(w.bundles[table])
		b := count.NewBundle(count.Table(table))
		for _, key := range w.bundles[table] {
			for _, p := range s.at[key] {
				value, err := s.spool.read(p.at, p.n)
				if err != nil {
					return err
				}
				if err := b.Add(value); err != nil {
					return fmt.Errorf("%w: field %q: %w", ErrRecord, w.group.Name, err)
				}
			}
			w.group.TakeSome(b, minBound, func(token uint64) bool { return wanted[token] })
		}
	}
	return nil
}
