package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"weir/internal/cluster"
	"weir/internal/decide"
	"weir/internal/eval"
	"weir/internal/hunt"
	"weir/internal/report"
)

// checkReport finds a report that cannot be written before the work is done.
func checkReport(path string) error {
	if path == "" {
		return nil
	}
	return checkWritable("--report", path)
}

// reportHunt writes the page of a hunt, if one is wanted, and says where it is.
func reportHunt(s *streams, path, title string, r *hunt.Result, list []cluster.Campaign) error {
	if path == "" {
		return nil
	}
	if err := replaceFile(path, private, func(w io.Writer) error { return report.Hunt(w, r, list, reportOptions(title)) }); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "weir: report in %s\n", clean(path))
	return nil
}

// reportEvaluation writes the page of an evaluation, if one is wanted, and says where it is.
func reportEvaluation(s *streams, path string, e *eval.Evaluation) error {
	if path == "" {
		return nil
	}
	if err := replaceFile(path, private, func(w io.Writer) error { return report.Evaluation(w, e, reportOptions("")) }); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "weir: report in %s\n", clean(path))
	return nil
}

// reportOptions are what a page says about how it was made.
func reportOptions(title string) report.Options {
	words := []string{"weir"}
	for _, w := range os.Args[1:] {
		words = append(words, shellQuote(w))
	}
	o := report.Options{Title: title, Command: strings.Join(words, " "), Generated: time.Now()}
	if v := version(); v != "(devel)" {
		o.Version = v
	}
	return o
}

// reportDemo writes the page of the demo: its hunt, with what policies cost.
func reportDemo(s *streams, path string, r *hunt.Result, list []cluster.Campaign, c *decide.Curve) error {
	if path == "" {
		return nil
	}
	o := reportOptions("Demo: the logs of an invented company")
	o.Cost = c
	if err := replaceFile(path, private, func(w io.Writer) error { return report.Hunt(w, r, list, o) }); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "weir: report in %s\n", clean(path))
	return nil
}

// reportCost writes the page of what policies cost, if one is wanted, and says where it is.
func reportCost(s *streams, path, title string, c *decide.Curve) error {
	if path == "" {
		return nil
	}
	if err := replaceFile(path, private, func(w io.Writer) error { return report.Cost(w, c, reportOptions(title)) }); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "weir: report in %s\n", clean(path))
	return nil
}
