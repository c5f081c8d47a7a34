package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"weir/internal/cluster"
	"weir/internal/hunt"
)

// suspectJSON is one line of `weir hunt --json`. It is a contract: docs/json.md.
type suspectJSON struct {
	File        string         `json:"file"`
	Line        int64          `json:"line"`
	Time        string         `json:"time"`
	Score       float64        `json:"score"`
	Probability float64        `json:"probability"`
	Basis       string         `json:"probability_basis"`
	Verdict     hunt.Verdict   `json:"verdict"`
	Client      string         `json:"client,omitempty"`
	Evidence    []evidenceJSON `json:"evidence"`
	Campaign    *int           `json:"campaign"`
	NarrowedBy  *string        `json:"narrowed_by"`
	Raw         string         `json:"raw"`
	RawBase64   string         `json:"raw_base64,omitempty"`
}

type evidenceJSON struct {
	Token     string  `json:"token"`
	Weight    float64 `json:"weight"`
	Vote      float64 `json:"vote"`
	Good      uint32  `json:"good"`
	Bad       uint32  `json:"bad"`
	GoodShare float64 `json:"good_share"`
	BadShare  float64 `json:"bad_share"`
	Words     string  `json:"words,omitempty"`
}

// writeJSON writes the best suspects, or all. Without all, events that the funnel flagged are left out.
func writeJSON(w io.Writer, r *hunt.Result, list []cluster.Campaign, limit int, all bool) error {
	of := campaignOf(r, list)
	out := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(escaper{out})
	for i, n := 0, 0; i < r.Len() && (all || n < limit); i++ {
		if !all && r.Narrowed(i) {
			continue
		}
		s, err := r.Suspect(i)
		if err != nil {
			return err
		}
		j := toJSON(s)
		if c := of[i]; c > 0 {
			number := int(c)
			j.Campaign = &number
		}
		if err := enc.Encode(j); err != nil {
			return err
		}
		n++
	}
	return out.Flush()
}

// campaignOf returns the number of each suspect's campaign, 0 for none.
func campaignOf(r *hunt.Result, list []cluster.Campaign) []int32 {
	of := make([]int32, r.Len())
	for i := range list {
		for k := range list[i].Steps {
			for _, m := range list[i].Steps[k].Members {
				of[m] = int32(list[i].Number) // 0 is what is left over
			}
		}
	}
	return of
}

// An escaper writes JSON with every character that a terminal would obey, or that would hide or reorder what is read, as a
// \u escape: DEL, C1 controls, bidirectional and zero-width characters. Such characters stand only inside strings, so the
// value stays the same. encoding/json does the rest: C0 controls and markup.
type escaper struct{ w io.Writer }

func (n escaper) Write(b []byte) (int, error) {
	from := 0
	for i := 0; i < len(b); {
		if b[i] < 0x7f {
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == 0x7f || !unicode.IsPrint(r) {
			if _, err := n.w.Write(b[from:i]); err != nil {
				return 0, err
			}
			for _, u := range utf16.Encode([]rune{r}) {
				if _, err := fmt.Fprintf(n.w, `\u%04x`, u); err != nil {
					return 0, err
				}
			}
			from = i + size
		}
		i += size
	}
	if _, err := n.w.Write(b[from:]); err != nil {
		return 0, err
	}
	return len(b), nil
}

func toJSON(s *hunt.Suspect) *suspectJSON {
	j := &suspectJSON{File: validUTF8(s.File), Line: s.Line, Time: time.Unix(0, s.Time).UTC().Format(time.RFC3339Nano), Score: s.Score,
		Probability: s.Probability, Basis: basis(s), Verdict: s.Verdict, Client: validUTF8(s.Client), Raw: validUTF8(string(s.Raw)),
		Evidence: make([]evidenceJSON, 0, len(s.Evidence))}
	if s.NarrowedBy != "" {
		j.NarrowedBy = &s.NarrowedBy
	}
	if !utf8.Valid(s.Raw) {
		j.RawBase64 = base64.StdEncoding.EncodeToString(s.Raw)
	}
	for _, e := range s.Evidence {
		j.Evidence = append(j.Evidence, evidenceJSON{validUTF8(e.Token), e.Weight, e.Vote, e.Good, e.Bad, e.GoodShare, e.BadShare, validUTF8(e.Words)})
	}
	return j
}

// basis says what a probability rests on.
func basis(s *hunt.Suspect) string {
	if s.Calibrated {
		return "calibrated"
	}
	return "mixture"
}

// validUTF8 returns s with invalid bytes as U+FFFD, one for each.
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s { // ranging gives U+FFFD for every invalid byte
		b.WriteRune(r)
	}
	return b.String()
}
