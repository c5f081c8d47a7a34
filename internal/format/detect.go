package format

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"weir/internal/event"
)

// How much of a file detection looks at.
const (
	SampleLines = 100
	SampleBytes = 256 << 10
)

// A Detection says which format a file has, and what the others had against it.
type Detection struct {
	Format *Format
	Score  float64 // 0 to 1; 1 also where the user forced the format
	Tried  []Trial // every format, in the order of All; empty where the user forced it
}

// A Trial is one format's opinion on a file.
type Trial struct {
	Name   string
	Score  float64
	Reason string // why not more; may be empty
}

// Sample returns the first lines of data, without their ends, as detection wants them. The lines point into data.
// whole says that data is all there is of the file; otherwise its last line may be cut and is left out.
func Sample(data []byte, whole bool) [][]byte {
	if len(data) > SampleBytes {
		data, whole = data[:SampleBytes], false
	}
	var lines [][]byte
	for len(data) > 0 && len(lines) < SampleLines {
		line, rest, found := bytes.Cut(data, []byte{'\n'})
		if !found && !whole && len(lines) > 0 {
			break
		}
		lines = append(lines, bytes.TrimSuffix(line, []byte{'\r'}))
		data = rest
	}
	return lines
}

// Detect finds the format of a file that starts with the lines of sample. The best score wins, and the first in the
// order of All where scores are equal. o.Format forces one: by its name, by a usual name of an access log's layout, or,
// where it contains $ or %, by a server's own log_format or LogFormat. The error, where no format fits, holds the reasons of all.
func Detect(sample [][]byte, o Options) (*Detection, error) {
	if o.Format != "" {
		f, err := forced(o.Format)
		if err != nil {
			return nil, err
		}
		return &Detection{Format: f, Score: 1}, nil
	}
	d := &Detection{}
	for _, f := range All() {
		if f.Score == nil {
			continue
		}
		score, reason := f.Score(sample, o)
		d.Tried = append(d.Tried, Trial{f.Name, score, reason})
		if score > d.Score {
			d.Format, d.Score = f, score
		}
	}
	if isBinary(sample) && (d.Format == nil || d.Format.Name == text.Name || d.Score < 0.5) {
		return nil, fmt.Errorf("it looks like a binary file, not a log; tried: %s", reasons(d.Tried))
	}
	if d.Format == nil {
		return nil, fmt.Errorf("no format fits; tried: %s", reasons(d.Tried))
	}
	return d, nil
}

// forced returns the format that a user asked for.
func forced(name string) (*Format, error) {
	if _, ok := layoutText(name); ok || isAccessName(name) {
		return &access, nil
	}
	var names []string
	for _, f := range All() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return nil, fmt.Errorf("there is no format %q; there are %s, %s, and a log_format or LogFormat string is one too",
		name, strings.Join(names, ", "), strings.Join(accessNames, ", "))
}

// reasons puts the trials into words.
func reasons(tried []Trial) string {
	var b strings.Builder
	for i, t := range tried {
		if i > 0 {
			b.WriteString("; ")
		}
		reason := t.Reason
		if reason == "" {
			reason = "nothing recognised"
		}
		fmt.Fprintf(&b, "%s: %s", t.Name, reason)
	}
	return b.String()
}

// isBinary reports whether more than a tenth of the bytes of sample are control characters.
func isBinary(sample [][]byte) bool {
	control, all := 0, 0
	for _, line := range sample {
		for _, c := range line {
			if c < ' ' && c != '\t' && c != '\r' && c != 0x1b || c == 0x7f {
				control++
			}
		}
		all += len(line) + 1
	}
	return control > 0 && control*10 > all
}

// noRecord is why a format gives no score to lines none of which should hold a record.
const noRecord = "no record in the first lines"

// scoreDecoding returns the share of the lines of sample that decode reads, among those that should hold a record, and
// the reason that the others had most often.
func scoreDecoding(sample [][]byte, decode func([]byte, *event.Event) error) (score float64, reason string) {
	var e event.Event
	good, bad := 0, 0
	count := make(map[string]int)
	for _, line := range sample {
		err := decode(line, &e)
		var m *Malformed
		switch {
		case err == nil:
			good++
		case errors.As(err, &m):
			bad++
			count[m.Reason]++
			if n := count[m.Reason]; n > count[reason] || n == count[reason] && m.Reason < reason {
				reason = m.Reason
			}
		}
	}
	if good == 0 {
		if reason == "" {
			reason = noRecord
		}
		return 0, reason
	}
	return float64(good) / float64(good+bad), reason
}
