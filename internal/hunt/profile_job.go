package hunt

import (
	"encoding/binary"
	"errors"
	"fmt"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/mapreduce"
	"weir/internal/profile"
	"weir/internal/token"
)

// JobProfile is learning how every entity of the logs acts, all of them known good: a profile alone, without a hunt.
const JobProfile = "profile"

// recordLimits are which entities of a profile were left out.
const recordLimits = 'l'

// maxProfile is how many bytes of a profile a task holds before it writes them down.
const maxProfile = 128 << 20

// ProfileKinds are the kinds of records of the job.
func ProfileKinds() []mapreduce.Kind {
	return []mapreduce.Kind{
		{Byte: recordBehaviour, Name: "behaviour", Merge: func() mapreduce.Merger { return profile.NewBundle() }},
		{Byte: recordLimits, Name: "limits", Merge: func() mapreduce.Merger { return &limits{} }},
	}
}

// ProfileJob returns the job. The seed keys the hashes of what it learns.
func ProfileJob(seed uint64, enrich func() *token.Enrichment) *mapreduce.Job {
	return &mapreduce.Job{Name: JobProfile, Kinds: ProfileKinds(), Mapper: func(_ *event.Keys, w *mapreduce.Writer) (mapreduce.Mapper, error) {
		e := enrich()
		return &profiler{w: w, codify: token.NewCodifier(seed, e), enrich: e, seen: newBehaviour(e)}, nil
	}}
}

// A profiler is a worker of the job.
type profiler struct {
	w      *mapreduce.Writer
	codify *token.Codifier
	enrich *token.Enrichment
	seen   *behaviour
	events int
	err    error
}

// Event implements format.Handler.
func (p *profiler) Event(e *event.Event, _ format.Position, _ []byte) {
	if !e.HasTime || p.err != nil {
		return
	}
	p.seen.see(p.codify.Codify(e), p.enrich.HourOfWeek(e.Time)%24)
	if p.events++; p.events&0xffff == 0 && p.seen.profile.Memory() > maxProfile {
		p.err = p.spill()
	}
}

// profileBuckets is into how many bits' worth of records the entities of an aspect are divided.
const profileBuckets = 4

// spill writes what was seen, and begins anew.
func (p *profiler) spill() error {
	err := p.seen.profile.EachBundle(profileBuckets, func(aspect, number int, value []byte) error {
		return p.w.Put(recordBehaviour, binary.BigEndian.AppendUint16([]byte{byte(aspect)}, uint16(number)), nil, value)
	})
	if err == nil {
		err = p.w.Put(recordLimits, nil, nil, p.seen.profile.AppendLimits(nil))
	}
	p.seen.profile = newProfile()
	return err
}

// Finish implements mapreduce.Mapper.
func (p *profiler) Finish() error {
	if p.err != nil {
		return p.err
	}
	return p.spill()
}

// limits merges limits.
type limits struct {
	have  bool
	value []byte
}

func (l *limits) Add(value []byte) (err error) {
	if !l.have {
		l.have, l.value = true, append(l.value[:0], value...)
		return nil
	}
	l.value, err = profile.MergeLimits(l.value, value)
	return err
}

func (l *limits) Append(dst []byte) ([]byte, error) {
	l.have = false
	return append(dst, l.value...), nil
}

// A Profiled reads the records of the job back.
type Profiled struct{ Profile *profile.Profile }

// NewProfiled returns an empty one.
func NewProfiled() *Profiled { return &Profiled{newProfile()} }

// Take takes a record, as [mapreduce.Assemble] gives it.
func (p *Profiled) Take(r *mapreduce.Record) error {
	switch r.Kind {
	case recordLimits:
		return p.Profile.AddLimits(r.Value)
	case recordBehaviour:
		if len(r.Key) != 3 || int(r.Key[0]) >= len(aspects) {
			return errors.New("its key is damaged")
		}
		return p.Profile.AddBundle(int(r.Key[0]), r.Value)
	}
	return fmt.Errorf("a profile has no kind %q", r.Kind)
}
