package hunt

import (
	"io"

	"weir/internal/event"
	"weir/internal/format"
	"weir/internal/mapreduce"
)

// JobHunt is the name of a hunt on a cluster.
const JobHunt = "hunt"

// maxShare bounds the bytes of memory that a task's share of a hunt takes before it is written down, but for behaviour.
const maxShare = 64 << 20

// NewJob returns the job of a hunt, of which the plan knows the inputs. Hashes have the plan's seed, and the plan says how logs
// are read (its zone is that of the options).
func NewJob(p *mapreduce.Plan, o Options) *mapreduce.Job {
	o.Seed, o.Zone = p.Seed, p.Location()
	return &mapreduce.Job{Name: JobHunt, Kinds: Kinds(),
		Scan: func(so *format.ScanOptions) { so.Reference, so.FileTimes = reference(o.Windows), false },
		Mapper: func(keys *event.Keys, w *mapreduce.Writer) (mapreduce.Mapper, error) {
			s, err := NewShare(o, keys, p.Buckets)
			if err != nil {
				return nil, err
			}
			return &mapper{share: s, emit: w.Put, most: maxShare}, nil
		}}
}

// A mapper is a share that is written down when it is full.
type mapper struct {
	share *Share
	emit  Emit
	most  int // bytes
	n     int
	err   error
}

// Event implements mapreduce.Mapper.
func (m *mapper) Event(e *event.Event, pos format.Position, raw []byte) {
	if m.err != nil {
		return
	}
	m.share.Split(pos.File, pos.Offset)
	m.share.Event(e, pos, raw)
	if m.n++; m.n&1023 == 0 && m.share.Memory() > m.most {
		m.err = m.share.Spill(m.emit)
	}
}

// Finish implements mapreduce.Mapper.
func (m *mapper) Finish() error {
	if m.err == nil {
		m.err = m.share.Emit(m.emit)
	}
	if err := m.share.Close(); m.err == nil {
		m.err = err
	}
	return m.err
}

// Assemble hunts in what the tasks of a job have written: in holds the records of all of them, added up or not, in any order. The
// options are those of the job, besides Spool; extra takes records of kinds of others' and may be nil.
func Assemble(p *mapreduce.Plan, o Options, in io.Reader, others []mapreduce.Kind, extra func(*mapreduce.Record) error) (*Result, error) {
	names := make([]string, len(p.Inputs))
	for i := range p.Inputs {
		names[i] = p.Inputs[i].Name
	}
	o.Seed, o.Zone = p.Seed, p.Location()
	a, err := NewAssembly(o, names)
	if err != nil {
		return nil, err
	}
	own := Kinds()
	read, err := mapreduce.Assemble(p, append(own, others...), in, func(r *mapreduce.Record) error {
		for _, k := range own {
			if k.Byte == r.Kind {
				return a.Add(r.Kind, r.Key, r.Sub, r.Value)
			}
		}
		return extra(r)
	})
	if err != nil {
		_ = a.Close() // what was read is the matter
		return nil, err
	}
	return a.Result(read.Summary, func(file int, start int64) (int64, error) {
		pos, err := read.Position(format.Position{File: file, Offset: start, Line: 1})
		return pos.Line - 1, err
	})
}
