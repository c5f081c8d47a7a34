package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"weir/internal/decide"
	"weir/internal/format"
	"weir/internal/term"
)

// policyFlags say what mistakes cost.
type policyFlags struct {
	policy string
	ratio  float64
}

func (f *policyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.policy, "policy", "", "what mistakes cost and what may be done: a `FILE` as 'weir policy example' writes")
	cmd.Flags().Float64Var(&f.ratio, "ratio", 0, "instead of a policy one number: how many wrong blocks hurt as much as one miss")
}

// open reads the policy, or makes it of the ratio.
func (f *policyFlags) open() (*decide.Policy, error) {
	switch {
	case f.policy != "" && f.ratio != 0:
		return nil, usagef("--policy says what mistakes cost; leave out --ratio")
	case f.policy != "":
		return readPolicy(f.policy)
	case f.ratio == 0:
		return nil, usagef("no costs: name a policy file as --policy policy.yaml ('weir policy example' writes one), or say how many wrong blocks hurt as much as one miss, as --ratio 200")
	case !isRatio(f.ratio):
		return nil, usagef("--ratio: %v is no ratio; write how many wrong blocks hurt as much as one miss, as 200: above 0, at most 1e12", f.ratio)
	}
	return decide.FromRatio(f.ratio), nil
}

// isRatio reports whether a number may stand for costs or their relation: beyond, sums of costs would lose what is small.
func isRatio(x float64) bool { return x > 0 && x <= 1e12 }

const maxPolicySize = 1 << 21 // more than any policy has: Parse says so

func readPolicy(name string) (*decide.Policy, error) {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hintf(fmt.Errorf("there is no policy %q", name), "'weir policy example > policy.yaml' writes one to start from.")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the policy: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxPolicySize))
	if err != nil {
		return nil, fmt.Errorf("cannot read the policy: %w", err)
	}
	return decide.Parse(name, text)
}

// knownFields are the fields that formats give.
func knownFields() []string {
	var out []string
	for _, f := range format.All() {
		out = append(out, f.Fields...)
	}
	return out
}

// doubtRules says which rules read fields that no format gives.
func doubtRules(p *decide.Policy) []string {
	var out []string
	for _, u := range p.Unknown(knownFields()) {
		text := fmt.Sprintf("%s (line %d) reads %s, which only logs with fields of their own have (JSON, tables)", p.Rules[u.Rule].Name, p.Rules[u.Rule].Line, u.Field)
		if u.Likely != "" {
			text += "; did you mean " + u.Likely + "?"
		}
		out = append(out, text)
	}
	return out
}

func newPolicy(s *streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "write and check the file that says what mistakes cost",
		Long: `A policy file says what it costs to block somebody who means well and to let somebody through who does not, and what may be
done: let pass, observe, challenge, block, or have a person review. docs/economics.md explains it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command %q", "policy "+args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(&cobra.Command{
		Use:     "example",
		Short:   "write a policy file with comments, to start from",
		Example: `  weir policy example > policy.yaml`,
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(s.out, decide.Example)
			return err
		},
	}, &cobra.Command{
		Use:   "check FILE",
		Short: "say what is wrong with a policy file, or what follows from it",
		Long: `Reads a policy file and tells all that is wrong with it, with lines. If nothing is, it shows what follows: from which
probability on which action costs least for a single record, and from how many bad records on a block pays.`,
		Example: `  weir policy check policy.yaml`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("name one policy file; 'weir policy example' writes one")
			}
			p, err := readPolicy(args[0])
			if err != nil {
				return err
			}
			return printPolicy(s, p, args[0])
		},
	})
	return cmd
}

// printPolicy shows what follows from a policy.
func printPolicy(s *streams, pol *decide.Policy, name string) error {
	p := newPage(s.out)
	fmt.Fprintln(p.w, p.Bold("weir policy check"))
	p.entry("policy", fmt.Sprintf("%s: nothing is wrong with it", term.Clean(name)))
	p.entry("blocks", blocksText(pol))
	p.consequences(pol, "Everywhere", &pol.Costs)
	for i := range pol.Rules {
		r := &pol.Rules[i]
		p.consequences(pol, fmt.Sprintf("%s (line %d)", term.Clean(r.Name), r.Line), &r.Costs)
	}
	if d := pol.Defaults(); len(d) > 0 {
		p.heading("Taken for granted", "")
		p.item(p.Yellow("!"), fmt.Sprintf("The file does not say %s; weir takes what 'weir policy example' shows, a guess at a small shop's.", strings.Join(d, ", ")))
	}
	for _, d := range doubtRules(pol) {
		p.item(p.Yellow("!"), sentence(d))
	}
	return p.w.Flush()
}

func blocksText(pol *decide.Policy) string {
	var kinds, times []string
	for _, k := range pol.Entities {
		kinds = append(kinds, k.String())
	}
	for _, d := range pol.Durations {
		times = append(times, decide.DurationText(d))
	}
	return fmt.Sprintf("of %s for %s", strings.Join(kinds, " or "), strings.Join(times, ", "))
}

// consequences shows from where on what is done.
func (p *page) consequences(pol *decide.Policy, title string, c *decide.Costs) {
	money := moneyIn(pol.Currency)
	p.heading(title, "")
	p.text(2, fmt.Sprintf("A good request that is blocked costs %s, a bad one let through %s.", money(c.WrongBlock()), money(c.Miss())))
	steps := c.Steps(decide.Calibrated)
	for i, st := range steps {
		to := 1.
		if i+1 < len(steps) {
			to = steps[i+1].From
		}
		fmt.Fprintf(p.w, "  %11s to %-11s %s\n", shareOf(st.From), shareOf(to), st.Action)
	}
	if c.Actions[decide.Block] && c.Miss() > 0 {
		n, stops := math.Ceil((10*c.WrongBlock()+c.Client+c.Session)/c.Miss()), "more bad requests than there ever are"
		if n < 1e9 {
			stops = plural(int(n), "bad request")
		}
		p.text(2, fmt.Sprintf("An hour's block that keeps one good client with 10 requests out pays if it stops %s.", stops))
	} else if c.Miss() == 0 {
		p.item(p.Yellow("!"), "Letting through costs nothing here, so nothing is ever blocked: raise breach or success.")
	}
}

// moneyIn writes amounts in a currency; without one, in wrong blocks.
func moneyIn(currency string) func(float64) string {
	return func(x float64) string { return term.Amount(x, currency) }
}
