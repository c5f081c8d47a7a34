package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"weir/bench/incident"
	"weir/bench/labels"
)

// labels measures what weir learns from labelled records: how good it is, how sure, and how fast.
func (b *bench) labels(ctx context.Context) error {
	set, err := labels.Open(b.shared)
	if err != nil {
		return err
	}
	fmt.Print("\n## The filter\n\nTrained on one part of records with labels, judged on the rest. F1, accuracy and false positives at a probability of .5; calibration\n" +
		"error over ten bins; AP: average precision.\n\n" +
		"| records | train | test | learner | F1 | AP | false positives at 95 % recall | calibration error | Brier | training | scoring | filter |\n" +
		"|---|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	var all []*labels.Result
	for _, name := range labels.LineSets {
		r, err := set.Lines(ctx, b.weir, b.dir, name)
		if err != nil {
			return err
		}
		all = append(all, r)
		printResult(r)
	}
	csic, params := all[0], all[1]
	flows, err := set.Flows(ctx, b.weir, b.dir)
	if err != nil {
		return err
	}
	all = append(all, flows)
	printResult(flows)
	seeds := 3
	if b.quick {
		seeds = 1
	}
	var mails []*labels.Result
	for seed := range seeds {
		r, err := set.Mail(ctx, b.weir, b.dir, uint64(seed+1))
		if err != nil {
			b.notes = append(b.notes, fmt.Sprintf("Mail was not measured: %s.", lastLine(err)))
			mails = nil
			break
		}
		mails = append(mails, r)
		printResult(r)
	}
	all = append(all, mails...)
	printHeldBack(all)

	b.row("csic2010 lines: F1 / false positives at 95 % recall", ".950 / .060", ".98 / .01", "%.3f / %.4f", csic.F1, csic.FPR95)
	b.row("httpparams lines: F1", ".996", ".998", "%.4f", params.F1)
	b.row("calibration error, csic2010 / httpparams", ".03", ".01", "%.4f / %.4f", csic.ECE, params.ECE)
	b.mail(mails)
	return errors.Join(b.flows(ctx, set, flows), b.lineSpeed(ctx, set), b.ablate(ctx, set, all), b.throughput(ctx), b.training(ctx), b.report(ctx))
}

func firstLine(err error) string {
	s, _, _ := strings.Cut(err.Error(), "\n")
	return s
}

// lastLine is where a program says what was wrong in the end.
func lastLine(err error) string {
	s := strings.TrimSpace(err.Error())
	return s[strings.LastIndexByte(s, '\n')+1:]
}

func printResult(r *labels.Result) {
	fmt.Printf("| %s | %d | %d | %s | %.4f | %.4f | %.4f | %.4f | %.4f | %.1f s | %.1f s | %d KB |\n", r.Name, r.Held.Good+r.Held.Bad,
		r.Good+r.Bad, r.Held.Learner, r.F1, r.AveragePrecision, r.FPR95, r.ECE, r.Brier, r.Train.Seconds(), r.Score.Seconds(), r.Size/1000)
}

// printHeldBack lays what a filter says of itself, from records it held back, beside what the test says.
func printHeldBack(all []*labels.Result) {
	fmt.Print("\nWhat the filter promises from held-back training records, and what the test gives:\n\n" +
		"| records | held back by | AP, held back | AP, test | calibration error, held back | test | Brier, held back | test |\n|---|---|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range all {
		h := r.Held.HeldBack
		fmt.Printf("| %s | %s | %.4f | %.4f | %.4f | %.4f | %.4f | %.4f |\n", r.Name, h.By, h.AveragePrecision, r.AveragePrecision,
			h.Reliability.ECE, r.ECE, h.Reliability.Brier, r.Brier)
	}
}

// mail sums up the seeds. Peers' figures are those of the data's README.md.
func (b *bench) mail(mails []*labels.Result) {
	if len(mails) == 0 {
		b.row("SpamAssassin mails: accuracy, false positives", ".985, .004", ".993, .001", "not measured")
		return
	}
	fmt.Print("\nMails, by verdict (neither good nor bad counts as wrong) and by a probability of .5:\n\n" +
		"| seed | accuracy by verdict | false positives | accuracy at .5 | false positives | neither |\n|--:|--:|--:|--:|--:|--:|\n")
	for i, r := range mails {
		fmt.Printf("| %d | %.4f | %.4f | %.4f | %.4f | %.4f |\n", i+1, r.Verdicts.Accuracy, r.Verdicts.FalsePositives, r.Accuracy, r.FalsePositives, r.Unsure)
	}
	fmt.Print("| MultinomialNB | .982 | .015 | | | |\n| bogofilter | .930 | .000 | | | .068 |\n")
	mean := func(of func(*labels.Result) float64) (m, low, high float64) {
		low, high = of(mails[0]), of(mails[0])
		for _, r := range mails {
			x := of(r)
			m, low, high = m+x/float64(len(mails)), min(low, x), max(high, x)
		}
		return m, low, high
	}
	acc, accWorst, _ := mean(func(r *labels.Result) float64 { return r.Verdicts.Accuracy })
	fp, _, fpWorst := mean(func(r *labels.Result) float64 { return r.Verdicts.FalsePositives })
	half, halfWorst, _ := mean(func(r *labels.Result) float64 { return r.Accuracy })
	halfFP, _, halfFPWorst := mean(func(r *labels.Result) float64 { return r.FalsePositives })
	what := fmt.Sprintf("SpamAssassin mails, mean (worst) of %d: accuracy, false positives", len(mails))
	b.row(what+" by verdict", ".985, .004", ".993, .001", "%.4f (%.4f), %.4f (%.4f)", acc, accWorst, fp, fpWorst)
	b.row(what+" at a probability of .5", "", "", "%.4f (%.4f), %.4f (%.4f)", half, halfWorst, halfFP, halfFPWorst)
}

// peerScript returns the path of one of bench/peers.
func (b *bench) peerScript(name string) string { return filepath.Join(b.root, "bench", "peers", name) }

// flows lays NSL-KDD beside scikit-learn.
func (b *bench) flows(ctx context.Context, set *labels.Set, own *labels.Result) error {
	const what = "NSL-KDD, average precision against scikit-learn's MultinomialNB, LogisticRegression, RandomForest"
	need, aim := "better than the first two", "best"
	if err := incident.HasSklearn(ctx); err != nil {
		b.row(what, need, aim, "%.4f; no peer on this machine", own.AveragePrecision)
		b.notes = append(b.notes, fmt.Sprintf("The peers on NSL-KDD were not measured: %s.", firstLine(err)))
		return nil
	}
	train, test := set.FlowFiles()
	args := []string{"-B", b.peerScript("nsl.py"), train, test}
	if b.quick {
		args = append(args, "--rows", "2000")
	}
	var out bytes.Buffer
	if _, err := start(ctx, b.dir, nil, &out, peerPython, args...); err != nil {
		return err
	}
	var peers map[string]struct {
		AP      float64   `json:"average_precision"`
		Seconds float64   `json:"seconds"`
		All     []float64 `json:"all"`
	}
	if err := json.Unmarshal(out.Bytes(), &peers); err != nil {
		return fmt.Errorf("cannot read what nsl.py printed: %w", err)
	}
	fmt.Print("\nNSL-KDD")
	if b.quick {
		fmt.Print(" (the peers on a sample)")
	}
	fmt.Print(":\n\n| | AP on KDDTest+ | learning and judging |\n|---|--:|--:|\n")
	fmt.Printf("| weir (%s) | %.4f | %.1f s, whole processes |\n", own.Held.Learner, own.AveragePrecision, (own.Train + own.Score).Seconds())
	families := []string{"MultinomialNB", "LogisticRegression", "RandomForest"}
	best := map[string]float64{}
	for _, name := range slices.Sorted(maps.Keys(peers)) {
		p := peers[name]
		spread := ""
		if len(p.All) > 1 {
			spread = fmt.Sprintf(" (%.4f to %.4f)", slices.Min(p.All), slices.Max(p.All))
		}
		fmt.Printf("| %s | %.4f%s | %.2f s |\n", name, p.AP, spread, p.Seconds)
		for _, f := range families {
			if strings.HasPrefix(name, f) {
				best[f] = max(best[f], p.AP)
			}
		}
	}
	text := ""
	for i, f := range families {
		if best[f] == 0 {
			return fmt.Errorf("nsl.py says nothing of %s", f)
		}
		text += fmt.Sprintf("%s%.4f", map[bool]string{true: ", "}[i > 0], best[f])
	}
	if b.quick {
		text += " on a sample"
	}
	b.row(what+", each at its best scale", need, aim, "%.4f against %s", own.AveragePrecision, text)
	return nil
}

// lineSpeed times training and scoring csic2010 against scikit-learn, whole processes, turn by turn.
func (b *bench) lineSpeed(ctx context.Context, set *labels.Set) error {
	const what = "training and scoring csic2010 against scikit-learn's character 3-gram LogisticRegression, whole processes"
	solvers, runs := []string{"lbfgs", "liblinear"}, 3
	var sample []string
	if b.quick {
		solvers, runs, sample = solvers[1:], 1, []string{"--rows", "1000"}
	}
	lack := incident.HasSklearn(ctx)
	if lack != nil {
		solvers = nil
		b.notes = append(b.notes, fmt.Sprintf("The peer on lines was not measured: %s.", firstLine(lack)))
	}
	from := set.LinesDir("csic2010")
	file := func(name string) string { return filepath.Join(from, name+".txt.gz") }
	filter := filepath.Join(b.dir, "lines.weir")
	took, cpu := map[string][]float64{}, map[string][]float64{}
	var fit, score []float64
	var peak int64
	for range runs {
		out, err := os.Create(filepath.Join(b.dir, "lines.scored"))
		if err != nil {
			return err
		}
		t, err := start(ctx, b.dir, nil, io.Discard, b.weir, "train", "--filter", filter, "--good", file("train.good"), "--bad", file("train.bad"))
		if err != nil {
			return errors.Join(err, out.Close())
		}
		s, err := start(ctx, b.dir, nil, out, b.weir, "score", "--json", "--filter", filter, file("test.good"), file("test.bad"))
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
		fit, score = append(fit, t.took.Seconds()), append(score, s.took.Seconds())
		took["weir"] = append(took["weir"], (t.took + s.took).Seconds())
		cpu["weir"] = append(cpu["weir"], (t.cpu + s.cpu).Seconds())
		peak = max(peak, t.peak, s.peak)
		for _, solver := range solvers {
			p, err := start(ctx, b.dir, nil, io.Discard, peerPython, append([]string{"-B", b.peerScript("lines.py"), from, b.peerScored(solver), "--solver", solver}, sample...)...)
			if err != nil {
				return err
			}
			took[solver] = append(took[solver], p.took.Seconds())
			cpu[solver] = append(cpu[solver], p.cpu.Seconds())
		}
	}
	fmt.Printf("\ncsic2010, training and scoring, whole processes, turn by turn, median of %d:\n\n| | wall | | processors | F1 | AP |\n|---|--:|---|--:|--:|--:|\n", runs)
	j, err := set.Judge(ctx, filepath.Join(b.dir, "lines.scored"))
	if err != nil {
		return err
	}
	own := median(took["weir"])
	fmt.Printf("| weir (training %.2f s, scoring %.2f s; peak memory %s) | %.2f s | %s | %.2f s | %.4f | %.4f |\n", median(fit), median(score), megabytes(peak), own,
		seconds(took["weir"]), median(cpu["weir"]), j.F1, j.AveragePrecision)
	b.steady("training and scoring csic2010", took["weir"])
	var ratios []string
	for _, solver := range solvers {
		p := median(took[solver])
		if b.quick {
			fmt.Printf("| scikit-learn, %s, a sample | %.2f s | | %.2f s | | |\n", solver, p, median(cpu[solver]))
			continue
		}
		j, err := set.Judge(ctx, b.peerScored(solver))
		if err != nil {
			return err
		}
		fmt.Printf("| scikit-learn, %s | %.2f s | %s | %.2f s | %.4f | %.4f |\n", solver, p, seconds(took[solver]), median(cpu[solver]), j.F1, j.AveragePrecision)
		ratios = append(ratios, fmt.Sprintf("%.1f × (solver %s, %.2f s against %.2f s)", p/own, solver, own, p))
	}
	switch {
	case lack != nil:
		ratios = []string{fmt.Sprintf("%.2f s; no peer on this machine", own)}
	case b.quick:
		ratios = []string{fmt.Sprintf("%.2f s; the peer only on a sample", own)}
	}
	b.row(what, "5 × faster", "15 ×", "%s", strings.Join(ratios, "; "))
	return nil
}

func (b *bench) peerScored(solver string) string {
	return filepath.Join(b.dir, "peer-"+solver+".scored")
}

// ablate trains each learner by itself where `auto` had the choice.
func (b *bench) ablate(ctx context.Context, set *labels.Set, all []*labels.Result) error {
	fmt.Print("\n`weir train --learner ONE`, on the test records; * is what `auto` takes, by log loss on held-back training records (its\n" +
		"training is that of all of them):\n\n| records | learner | held back: log loss | AP | test: AP | F1 | false positives at 95 % recall | calibration error | training |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for i, r := range all {
		if strings.HasPrefix(r.Name, "mail-") && r.Name != "mail-1" {
			continue
		}
		if b.quick && i != 1 { // httpparams is the quickest
			continue
		}
		for _, t := range r.Held.HeldBack.Trials {
			x, mark := r, " *"
			if t.Learner != r.Held.Learner {
				mark = ""
				var err error
				switch r.Name {
				case "mail-1":
					x, err = set.Mail(ctx, b.weir, b.dir, 1, "--learner", t.Learner)
				case "nsl-kdd":
					x, err = set.Flows(ctx, b.weir, b.dir, "--learner", t.Learner)
				default:
					x, err = set.Lines(ctx, b.weir, b.dir, r.Name, "--learner", t.Learner)
				}
				if err != nil {
					return err
				}
			}
			fmt.Printf("| %s | %s%s | %.4f | %.4f | %.4f | %.4f | %.4f | %.4f | %.1f s |\n", r.Name, t.Learner, mark, t.LogLoss, t.AveragePrecision,
				x.AveragePrecision, x.F1, x.FPR95, x.ECE, x.Train.Seconds())
		}
	}
	return nil
}

// throughput times `weir score` on an access log that weir generates, with a filter trained on every tenth of its lines.
func (b *bench) throughput(ctx context.Context) error {
	events, runs := 3_000_000, 3
	if b.quick {
		events, runs = 300_000, 1
	}
	dir, _, _, err := b.generate(ctx, "access", "--events", strconv.Itoa(events), "--seed", "3")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	const log = "nginx/access.log"
	kinds, err := readTruth(filepath.Join(dir, "truth.csv"))
	if err != nil {
		return err
	}
	size, lines, bad, err := everyTenth(dir, log, kinds)
	if err != nil {
		return err
	}
	if !b.quick && lines < 1_500_000 {
		return fmt.Errorf("weir scenario made only %d lines of access log", lines)
	}
	trained, err := start(ctx, dir, nil, io.Discard, b.weir, "train", "--filter", "access.weir", "--good", "train.good.log", "--bad", "train.bad.log")
	if err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(dir, "access.weir"))
	if err != nil {
		return err
	}
	var took, one []float64
	var peak int64
	for range runs {
		p, err := start(ctx, dir, nil, io.Discard, b.weir, "score", "--json", "--filter", "access.weir", log)
		if err != nil {
			return err
		}
		took, peak = append(took, p.took.Seconds()), max(peak, p.peak)
	}
	for range 2*runs + 1 {
		p, err := start(ctx, dir, nil, io.Discard, b.weir, "score", "--json", "--filter", "access.weir", "one.log")
		if err != nil {
			return err
		}
		one = append(one, p.took.Seconds())
	}
	var none []float64
	for range 2*runs + 1 {
		p, err := start(ctx, dir, nil, io.Discard, b.weir, "score", "--help")
		if err != nil {
			return err
		}
		none = append(none, p.took.Seconds())
	}
	b.steady("scoring the access log", took)
	rate := float64(lines) / median(took)
	fmt.Printf("\n`weir score --json` on %d generated access-log lines (%d MB), output through a pipe to nowhere; the filter has learned every tenth\n"+
		"of them (%d bad) in %.1f s:\n\n| lines/s, median of %d | runs | peak memory | filter | one line | `--help` alone |\n|--:|--:|--:|--:|--:|--:|\n",
		lines, size/1e6, bad, trained.took.Seconds(), runs)
	fmt.Printf("| %.0f | %s s | %s | %d KB | %.0f ms | %.0f ms |\n", rate, seconds(took), megabytes(peak), info.Size()/1000, 1000*median(one), 1000*median(none))
	b.row("score throughput with a loaded filter, access-log lines", "500,000/s on 2 cores", "1.5 M/s", "%.0f/s", rate)
	b.row("scoring one line, whole process: time to load the filter; its size", "", "", "%.0f ms (%.0f ms of it without a filter); %d KB",
		1000*median(one), 1000*median(none), info.Size()/1000)
	return nil
}

// everyTenth writes every tenth line of a log by class, to train on, and a log of one line.
func everyTenth(dir, log string, kinds map[string]string) (size, lines int64, bad int, err error) {
	f, err := os.Open(filepath.Join(dir, log))
	if err != nil {
		return
	}
	defer f.Close()
	var out [3]*bufio.Writer
	for i, name := range []string{"train.good.log", "train.bad.log", "one.log"} {
		f, e := os.Create(filepath.Join(dir, name))
		if e != nil {
			return 0, 0, 0, e
		}
		out[i] = bufio.NewWriter(f)
		defer func() { err = errors.Join(err, out[i].Flush(), f.Close()) }()
	}
	// Bad lines are few and stand together: of them, too, every tenth.
	var seen [2]int64
	in := bufio.NewReaderSize(f, 1<<16)
	for {
		line, e := in.ReadSlice('\n')
		if e == io.EOF {
			break
		}
		if e != nil {
			return size, lines, bad, e
		}
		size += int64(len(line))
		lines++
		class := 0
		if kinds[log+":"+strconv.FormatInt(lines, 10)] != "" {
			class = 1
		}
		if lines == 1 {
			if _, err := out[2].Write(line); err != nil {
				return size, lines, bad, err
			}
		}
		if seen[class]++; seen[class]%10 == 1 {
			bad += class
			if _, err := out[class].Write(line); err != nil {
				return size, lines, bad, err
			}
		}
	}
	return size, lines, bad, nil
}

// training measures memory and time of training on many generated records of several kinds of logs.
func (b *bench) training(ctx context.Context) error {
	events := 10_000_000
	if b.quick {
		events = 20_000
	}
	dir, _, _, err := b.generate(ctx, "many", "--events", strconv.Itoa(events), "--seed", "4")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var out bytes.Buffer
	p, err := start(ctx, dir, nil, &out, b.weir, append([]string{"train", "--json", "--truth", "truth.csv", "--filter", "many.weir"}, logs...)...)
	if err != nil {
		return err
	}
	var m labels.Manifest
	if err := json.Unmarshal(out.Bytes(), &m); err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(dir, "many.weir"))
	if err != nil {
		return err
	}
	records := m.Good + m.Bad
	fmt.Printf("\n`weir train --truth` on %d generated records of nginx, auth.log and Zeek, %d of them bad:\n\n| wall | records/s | peak memory | tokens | filter | learner |\n"+
		"|--:|--:|--:|--:|--:|---|\n", records, m.Bad)
	fmt.Printf("| %.1f s | %.0f | %s | %d | %d KB | %s |\n", p.took.Seconds(), float64(records)/p.took.Seconds(), megabytes(p.peak), m.Tokens, info.Size()/1000, m.Learner)
	b.row(fmt.Sprintf("training on %.2g M generated records: time, peak memory", float64(records)/1e6), "", "", "%.1f s, %s", p.took.Seconds(), megabytes(p.peak))
	return nil
}
