// Package report writes a hunt, an evaluation or what policies cost as one HTML page that a person can look at, keep and send
// on: Hunt, Evaluation and Cost. The page holds everything it needs, loads nothing and runs one script that stands in it; a policy in its head
// forbids all else. What came from logs is an attacker's: it is made visible by term.Clean, escaped by html/template, and
// never becomes anything but text.
//
// Charts are drawn as SVG (chart.go), so that the page reads, prints and shows without scripts; the script then draws them
// again with uPlot, for looking closer, and adds what a list of suspects wants: a filter, an order, keys.
package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io"
	"time"

	"weir/internal/decide"
	"weir/internal/term"
)

// Options say what a page cannot know from its subject. The zero value leaves all of it away.
type Options struct {
	Title     string        // heading and name of the page; empty for what it is
	Command   string        // what was typed
	Version   string        // of weir
	Generated time.Time     // when; a page is the same bytes for the same time
	Cost      *decide.Curve // shown after a hunt or an evaluation; nil for nothing
}

//go:embed assets
var assets embed.FS

var templates = template.Must(template.New("").ParseFS(assets, "assets/*.html"))

// A page is what the template draws.
type page struct {
	Title, Command, Version string
	Kind                    string // of page: "hunt", "evaluation" or "cost"
	Generated, Machine      string
	Policy                  string
	Style                   template.CSS
	Script, Data            template.JS
	Lead                    string   // the answer, in a sentence
	More                    []string // what it rests on, in sentences
	Facts                   []fact
	Warnings                []string
	Sections                []section
	Hunt                    *huntView
	Evaluation              *evaluationView
	Cost                    *costView
}

// A fact is a figure with its name.
type fact struct{ Name, Value, Note string }

// A section is a place in the page's list of contents.
type section struct{ ID, Name string }

// write fills in what all pages have and writes one. zone is that of the page's times.
func (p *page) write(w io.Writer, o Options, zone *time.Location, charts []*chart) error {
	if zone == nil {
		zone = time.UTC
	}
	if o.Cost != nil && p.Cost == nil {
		charts = p.addCost(o.Cost, charts)
		for _, w := range o.Cost.Warnings {
			p.Warnings = append(p.Warnings, "costs: "+w)
		}
	}
	style, err := asset("uplot.min.css", "report.css")
	if err != nil {
		return err
	}
	script, err := asset("uplot.min.js", "report.js")
	if err != nil {
		return err
	}
	if o.Title != "" {
		p.Title = o.Title
	}
	p.Title, p.Command, p.Version = term.Clean(p.Title), term.Clean(o.Command), term.Clean(o.Version)
	if !o.Generated.IsZero() {
		t := o.Generated.In(zone)
		p.Generated, p.Machine = t.Format("2 January 2006, 15:04 MST"), t.Format(time.RFC3339)
	}
	for i := range p.Warnings {
		p.Warnings[i] = term.Clean(p.Warnings[i])
	}
	p.Style, p.Script = template.CSS(style), template.JS(script)
	p.Policy = "default-src 'none'; script-src '" + hash(script) + "'; style-src '" + hash(style) +
		"'; img-src data:; base-uri 'none'; form-action 'none'"
	if p.Data, err = data(zone, charts); err != nil {
		return err
	}
	var b bytes.Buffer // a page that fails half-way is no page
	if err := templates.ExecuteTemplate(&b, "page.html", p); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// asset returns embedded files, one after the other.
func asset(names ...string) (string, error) {
	var b bytes.Buffer
	for _, name := range names {
		text, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return "", err
		}
		b.Write(bytes.TrimSpace(text))
		b.WriteByte('\n')
	}
	return b.String(), nil
}

// hash names a script or a style sheet for the policy.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
