// Package scenario invents the logs of a small company over four weeks, with a break-in of several steps in one night of
// the last week, and says which lines the break-in wrote.
//
// The company runs a shop on the host web1 and an office with forty PCs. Its logs are
//
//	nginx/access.log   the shop, combined format
//	auth.log           web1, db1, backup1 and the Linux workstations, RFC 3164 (no year, local time)
//	zeek/conn.log      everything that passes the gateway: the office's and the servers' own connections, and SSH from
//	zeek/dns.log       outside; web visits to the shop come in elsewhere and are not here
//	zeek/http.log
//	zeek/ssl.log
//
// The known good is not clean. Scanners ask for /.env and guess passwords of root every day, one program still calls
// itself Internet Explorer, thermometers and agents phone home like clockwork, the backup sends gigabytes out every
// night, customers search for "men's boots". And things change near the window that mean nothing: Chrome updates itself,
// a newsletter brings strangers, the shop is deployed with new file names, addresses move, a new colleague starts.
//
// Use [Generate]. The same [Config] gives the same bytes on every machine: all numbers are integers and every actor
// draws from a stream of its own, keyed by the seed, the actor and the hour. So the break-in is laid over the background
// without moving it: the logs with and without it differ by the lines of the break-in alone, and by those of the
// workstation that is taken off the network afterwards.
//
// Memory: the lines of one slot of time (an hour, or less when an hour has too many) and of visits that reach into the
// next are held, and are written in time order. It does not grow with the number of days. Times are in order within each
// file, except that a zone whose clocks go back repeats an hour in auth.log, as the real thing does.
//
// Incident hosts are the machines' own addresses: lines of the access log name the visitor's address and those of auth.log
// the host's name, so a hunt that keeps only lines with these addresses sees only Zeek.
package scenario

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Config says what to invent. Zero values mean the defaults.
type Config struct {
	Events    int64          // about how many lines in all, default 200,000
	Seed      uint64         // another seed, another company; 0 is a seed like any other
	Start     time.Time      // moved back to midnight in Zone; default Monday 2026-02-02
	Days      int            // default 28
	Zone      *time.Location // the company's clock, default UTC
	NoBreakIn bool           // the same weeks without the break-in
}

// Validate reports all that is wrong with the configuration at once.
func (c Config) Validate() error {
	var errs []error
	if c.Events < 0 || c.Events > 0 && c.Events < 1000 {
		errs = append(errs, fmt.Errorf("events %d: fewer than 1000", c.Events))
	}
	if c.Events > 50_000_000_000 {
		errs = append(errs, fmt.Errorf("events %d: more than 50,000,000,000", c.Events))
	}
	if c.Days < 0 || c.Days > 366 {
		errs = append(errs, fmt.Errorf("days %d: not in 1 to 366", c.Days))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.Events == 0 {
		c.Events = 200_000
	}
	if c.Days == 0 {
		c.Days = 28
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Start.IsZero() {
		c.Start = time.Date(2026, 2, 2, 0, 0, 0, 0, c.Zone)
	}
	y, m, d := c.Start.In(c.Zone).Date()
	c.Start = time.Date(y, m, d, 0, 0, 0, 0, c.Zone)
	return c
}

// Truth is what happened. The single lines are in truth.csv.
type Truth struct {
	From, To time.Time // the window
	Hosts    []string  // addresses of the company's machines that were broken into; none without a break-in
	Steps    []Step    // by kind in the order of the story, then by file
	Lines    []FileLines
}

// A Step is the trace of one kind of hostile act in one file.
type Step struct {
	Kind        string
	Description string // one sentence for people
	From, To    time.Time
	File        string
	Lines       int64
}

// FileLines is the length of one log, headers included.
type FileLines struct {
	File  string
	Lines int64
}

// kind is what a line is: benign, or a step of the break-in.
type kind uint8

const (
	benign kind = iota
	scan
	stuffing
	injection
	shell
	escalation
	oddAgent
	beacon
	exfil
	kinds
)

var kindNames = [kinds]string{"", "scan", "credential_stuffing", "sql_injection", "web_shell", "privilege_escalation",
	"odd_user_agent", "c2_beacon", "exfiltration"}

var kindDescriptions = [kinds]string{"",
	"Two rented servers look for forgotten files and known holes in the shop.",
	"About 25 addresses of three networks try stolen passwords on the shop's login and on SSH; one customer's fits, and the deploy account's.",
	"One of the scanning servers injects SQL into the search and the stock service, first by hand, then with a tool in several encodings.",
	"A PHP file uploaded as a review picture runs the commands that are sent to it.",
	"A login with the deploy account's password becomes root on web1, adds a cron job, and goes on to the workstation 10.0.2.17.",
	"The Linux workstation 10.0.2.17, which has always used Firefox, starts to call itself Internet Explorer at three in the morning.",
	"The workstation 10.0.2.17 calls a server nobody has talked to before, every five minutes, until it is taken off the network.",
	"A dump of the database is fetched from the shop, and the workstation sends several gigabytes out.",
}

// Kinds lists the names of the break-in's steps in the order of the story.
func Kinds() []string { return append([]string(nil), kindNames[1:]...) }

// Generate writes the logs, truth.csv and incident.json, each to what open returns for its name, and closes them. It
// calls open before it writes the first line, and only from the calling goroutine.
func Generate(cfg Config, open func(name string) (io.WriteCloser, error)) (truth *Truth, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("cannot generate scenario: %w", err)
	}
	g := newGenerator(cfg.withDefaults())
	tw, err := open("truth.csv")
	if err != nil {
		return nil, fmt.Errorf("cannot create log %q: %w", "truth.csv", err)
	}
	table := bufio.NewWriter(tw)
	defer func() {
		for _, c := range g.files() {
			if c != nil {
				err = errors.Join(err, c.close())
			}
		}
		if err = errors.Join(err, table.Flush(), tw.Close()); err != nil {
			truth = nil
		}
	}()
	if _, err := table.WriteString("file,line,label,kind\n"); err != nil {
		return nil, err
	}
	if err := g.openLogs(open); err != nil {
		return nil, err
	}
	if err := g.run(table); err != nil {
		return nil, err
	}
	truth = g.truth()
	return truth, writeIncident(truth, open)
}

func (g *generator) truth() *Truth {
	t := &Truth{From: g.clock.time(g.from), To: g.clock.time(g.to)}
	if !g.cfg.NoBreakIn {
		t.Hosts = []string{"10.0.0.5", "10.0.2.17"}
	}
	for k := scan; k < kinds; k++ {
		for _, o := range g.files() {
			if s := o.steps[k]; s.lines > 0 {
				t.Steps = append(t.Steps, Step{Kind: kindNames[k], Description: kindDescriptions[k],
					From: g.clock.time(s.from), To: g.clock.time(s.to), File: o.name, Lines: s.lines})
			}
		}
	}
	for _, o := range g.files() {
		t.Lines = append(t.Lines, FileLines{o.name, o.line})
	}
	return t
}

// writeIncident writes the file in which a person would say what they suspect.
func writeIncident(t *Truth, open func(name string) (io.WriteCloser, error)) error {
	incident := struct {
		From      time.Time `json:"from"`
		To        time.Time `json:"to"`
		Hosts     []string  `json:"hosts"`
		KnownGood string    `json:"known_good"`
		Note      string    `json:"note"`
	}{t.From, t.To, append([]string{}, t.Hosts...), "everything else",
		"shop and office of one company; break-in reported in this interval"}
	if t.Hosts == nil {
		incident.Note = "shop and office of one company; nothing happened in this interval"
	}
	text, err := json.MarshalIndent(incident, "", " ")
	if err != nil {
		return fmt.Errorf("cannot write incident: %w", err)
	}
	w, err := open("incident.json")
	if err != nil {
		return fmt.Errorf("cannot create log %q: %w", "incident.json", err)
	}
	_, err = w.Write(append(text, '\n'))
	return errors.Join(err, w.Close())
}
