package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"weir/internal/cluster"
	"weir/internal/hunt"
)

func newCampaigns(s *streams) *cobra.Command {
	f := &huntFlags{objects: campaignObjects}
	cmd := &cobra.Command{
		Use:   "campaigns --window FROM/TO [flags] LOG...",
		Short: "the campaigns of a hunt, for programs: who did what, in which steps",
		Long: `Hunts as 'weir hunt' does, with the same flags but --rows, and shows the same page. With --json it writes one object for
each campaign where 'weir hunt' writes one for each suspicious event.

What is much the same is a step; steps that share a client, a user, a file or a machine that known good hardly has are one
campaign. What belongs to nothing is kept in one place at the end.`,
		Example: `  weir campaigns --window 2026-03-01/2026-03-01 --json logs/*.gz > campaigns.jsonl`,
		RunE:    func(cmd *cobra.Command, args []string) error { return runHunt(cmd.Context(), s, f, args) },
	}
	f.add(cmd)
	p := cmd.Flags()
	p.Lookup("json").Usage = "write JSON Lines, one campaign each, best first (docs/json.md)"
	p.Lookup("limit").Usage = "how many campaigns to show (default all as JSON, 10 otherwise)"
	p.Lookup("all").Usage = "show every campaign and step, and with --json name every line of each"
	return cmd
}

// shown is the first campaigns, and what is left over.
func shown(list []cluster.Campaign, limit int) []cluster.Campaign {
	var out []cluster.Campaign
	for i := range list {
		if i < limit || list[i].Noise {
			out = append(out, list[i])
		}
	}
	return out
}

// campaignJSON is one line of `weir campaigns --json`. It is a contract: docs/json.md.
type campaignJSON struct {
	Number   int     `json:"number"`
	Name     string  `json:"name"`
	Noise    bool    `json:"noise"`
	Score    float64 `json:"score"`
	First    string  `json:"first"`
	Last     string  `json:"last"`
	Events   int     `json:"events"`
	Contents int     `json:"contents"`
	factsJSON
	Links []linkJSON `json:"links"`
	Steps []stepJSON `json:"steps"`
}

type stepJSON struct {
	Name     string  `json:"name"`
	Score    float64 `json:"score"`
	First    string  `json:"first"`
	Last     string  `json:"last"`
	Events   int     `json:"events"`
	Contents int     `json:"contents"`
	factsJSON
	Tokens  []tokenJSON `json:"tokens"`
	Pattern patternJSON `json:"pattern"`
	Example exampleJSON `json:"example"`
	Lines   []placeJSON `json:"lines,omitempty"`
}

type factsJSON struct {
	Clients          []countJSON `json:"clients"`
	ClientCount      int         `json:"client_count"`
	Networks         []countJSON `json:"networks"`
	Countries        []countJSON `json:"countries"`
	Users            []countJSON `json:"users"`
	Agents           []countJSON `json:"user_agents"`
	Hosts            []countJSON `json:"hosts"`
	Destinations     []countJSON `json:"destinations"`
	DestinationCount int         `json:"destination_count"`
	Names            []countJSON `json:"names"`
	Paths            []countJSON `json:"paths"`
	PathCount        int         `json:"path_count"`
}

type countJSON struct {
	Value  string `json:"value"`
	Events int    `json:"events"`
}

type linkJSON struct {
	Kind   string `json:"kind"`
	Value  string `json:"value"`
	Steps  int    `json:"steps"`
	Events int    `json:"events"`
	Good   uint32 `json:"good"`
}

type tokenJSON struct {
	Token  string  `json:"token"`
	Share  float64 `json:"share"`
	Weight float64 `json:"weight"`
	Good   uint32  `json:"good"`
}

type exampleJSON struct {
	placeJSON
	Time      string `json:"time"`
	Raw       string `json:"raw"`
	RawBase64 string `json:"raw_base64,omitempty"`
}

type patternJSON struct {
	Text  string `json:"text"`
	Lines int    `json:"lines"`
	Of    int    `json:"of"`
}

type placeJSON struct {
	File string `json:"file"`
	Line int64  `json:"line"`
}

// writeCampaigns writes campaigns as JSON Lines; with all, every line of every step is named.
func writeCampaigns(w io.Writer, r *hunt.Result, list []cluster.Campaign, all bool) error {
	out := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(escaper{out})
	for i := range list {
		c := &list[i]
		j := &campaignJSON{Number: c.Number, Name: validUTF8(c.Name), Noise: c.Noise, Score: c.Score, First: rfc3339(c.First), Last: rfc3339(c.Last),
			Events: c.Events, Contents: c.Contents, factsJSON: factsOf(&c.Facts), Links: []linkJSON{}, Steps: []stepJSON{}}
		for _, l := range c.Links {
			j.Links = append(j.Links, linkJSON{l.Kind, validUTF8(l.Value), l.Steps, l.Events, l.Good})
		}
		for k := range c.Steps {
			step, err := stepOfJSON(r, &c.Steps[k], all)
			if err != nil {
				return err
			}
			j.Steps = append(j.Steps, step)
		}
		if err := enc.Encode(j); err != nil {
			return err
		}
	}
	return out.Flush()
}

func stepOfJSON(r *hunt.Result, p *cluster.Step, all bool) (stepJSON, error) {
	x, err := r.Suspect(p.Best)
	if err != nil {
		return stepJSON{}, err
	}
	j := stepJSON{Name: validUTF8(p.Name), Score: p.Score, First: rfc3339(p.First), Last: rfc3339(p.Last), Events: len(p.Members),
		Contents: p.Contents, factsJSON: factsOf(&p.Facts), Tokens: []tokenJSON{},
		Example: exampleJSON{placeJSON: placeJSON{validUTF8(x.File), x.Line}, Time: rfc3339(x.Time), Raw: validUTF8(string(x.Raw))}}
	if !utf8.Valid(x.Raw) {
		j.Example.RawBase64 = base64.StdEncoding.EncodeToString(x.Raw)
	}
	pattern, of, err := cluster.Pattern(r, p)
	if err != nil {
		return j, err
	}
	j.Pattern = patternJSON{validUTF8(pattern.Text), pattern.Lines, of}
	for _, t := range p.Tokens {
		j.Tokens = append(j.Tokens, tokenJSON{validUTF8(t.Text), t.Share, t.Weight, t.Good})
	}
	if all {
		for _, m := range p.Members {
			file, line := r.Place(m)
			j.Lines = append(j.Lines, placeJSON{validUTF8(file), line})
		}
	}
	return j, nil
}

func factsOf(f *cluster.Facts) factsJSON {
	list := func(in []cluster.Count) []countJSON {
		out := make([]countJSON, 0, len(in))
		for _, x := range in {
			out = append(out, countJSON{validUTF8(x.Value), x.Events})
		}
		return out
	}
	return factsJSON{list(f.Clients), f.ClientCount, list(f.Networks), list(f.Countries), list(f.Users), list(f.Agents), list(f.Hosts),
		list(f.Destinations), f.DestinationCount, list(f.Names), list(f.Paths), f.PathCount}
}

func rfc3339(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }
