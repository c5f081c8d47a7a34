package lake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"

	"weir/internal/count"
)

// VerifyShares makes the shares of marks again from the events, from nothing, but for stretches that are known to be damaged.
func (t *Trainer) VerifyShares(ctx context.Context, at *View, v *Verification, skip func(*Stretch) bool) error {
	w := t.newLayer()
	for i := range at.Stretches {
		s := &at.Stretches[i]
		laid := at.Laid[s.Key]
		if laid.Marks == "" || skip(s) {
			continue
		}
		want, err := at.marksOf(s)
		if err != nil {
			return err
		}
		fresh, err := w.compute(ctx, []*Job{{Stretch: *s, Want: want}})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			v.fault("%s: %v", s.Name, err)
			continue
		}
		for k, class := range storedClasses {
			kept := count.NewTally()
			for _, x := range laid.Shares {
				if x.Class == class {
					err = errors.Join(err, w.reader.Add(ctx, x.Name, kept))
				}
			}
			v.Cells += int64(kept.Len())
			if err != nil || !kept.Equal(fresh[0][k]) {
				v.fault("%s: the %s share of the marks is not that of its events (%v)", s.Name, class, err)
			}
		}
	}
	return nil
}

// VerifyModel makes a model again from the counts, if it is of what there is now.
func (t *Trainer) VerifyModel(ctx context.Context, at *View, m *Model, v *Verification) error {
	jobs, err := at.jobs()
	if err != nil || len(jobs) > 0 || !m.MadeFrom(at) {
		return err
	}
	h := sha256.New()
	ev, err := t.evidence(ctx, at, m.HalfLife)
	if err == nil {
		err = ev.write(ctx, h)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil || !bytes.Equal(h.Sum(nil), m.Hash) {
		v.fault("%s: the model is not that of the marks and the counts (%v)", m.Name, err)
	}
	return nil
}
