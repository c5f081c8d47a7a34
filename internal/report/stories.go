package report

import (
	"bytes"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"weir/internal/cluster"
	"weir/internal/hunt"
	"weir/internal/term"
)

// Bounds of the campaigns on a page.
const (
	maxStories    = 40
	maxStoryBytes = 320 << 10 // of HTML, for all campaigns together
	maxStorySteps = 12        // of a campaign, the loudest
	maxLaneSteps  = 6         // bars of a lane, the loudest
	maxStoryFacts = 6         // values of a fact
	maxShared     = 8         // entities that are in several campaigns
	laneMargin    = .04       // of the windows' length, to their left and right
	laneBins      = 120
	laneField     = 1200 // width of the field that bars are drawn on, stretched to the lane's
	barHeight     = 7
)

// stories are the campaigns of a hunt.
type stories struct {
	Lanes  []lane
	Ticks  []gridline
	Shades []shade // the windows
	Says   string
	HTML   template.HTML
	Shared []string // entities of several campaigns, with their numbers
	Left   string   // what is not shown, in words
}

// A lane is when the steps of one campaign were.
type lane struct {
	N           int
	Name, When  string
	Height, Say string
	Bars        []laneBar
}

// A laneBar is one step: from its first event to its last, and where in between they are.
type laneBar struct {
	X, Y, Width, Height string
	Path, Role          string
}

// A story is one campaign with what it opens to.
type story struct {
	N                    int
	Open                 bool
	Score, Verdict, Mark string
	Chance, Name         string
	When, What           string
	Facts                []fact
	Joined               string
	Steps                []storyStep
	More                 string
	Graph                *graph
}

// A storyStep is one step; what it opens to is that of a row.
type storyStep struct {
	*row
	ID, Name, Count string
	Best            bool
	Reason          string // the strongest clue, in words if there are any
}

// newStories draws campaigns, as many as the bounds allow. It returns nil where there are none.
func newStories(r *hunt.Result, list []cluster.Campaign) (*stories, error) {
	var told []cluster.Campaign
	left := 0
	for i := range list {
		if list[i].Noise {
			left = list[i].Events
		} else {
			told = append(told, list[i])
		}
	}
	if len(told) == 0 {
		return nil, nil
	}
	out := &stories{Says: fmt.Sprintf("When the events of each campaign were, from %s.", spanText(hull(r), r.Zone))}
	axis := laneAxis(r)
	out.Ticks = axis.timeTicks()
	for _, w := range r.Windows {
		w = clip(w, r.Covered)
		x0, x1 := axis.px(seconds(w.From)), axis.px(seconds(w.To))
		out.Shades = append(out.Shades, shade{X: inPercent(float64(x0) / fieldWidth), Width: inPercent(float64(max(1, x1-x0)) / fieldWidth)})
	}
	var b bytes.Buffer
	shownStories := 0
	for i := range told[:min(len(told), maxStories)] {
		c := &told[i]
		x, err := newStory(r, c)
		if err != nil {
			return nil, err
		}
		x.Open = i == 0
		before := b.Len()
		if err := templates.ExecuteTemplate(&b, "story", x); err != nil {
			return nil, err
		}
		if i > 0 && b.Len() > maxStoryBytes {
			b.Truncate(before)
			break
		}
		shownStories++
		out.Lanes = append(out.Lanes, newLane(r, c, axis))
	}
	out.HTML = template.HTML(b.String()) // from the template, which escaped it
	for _, x := range cluster.Overlaps(told[:shownStories], maxShared) {
		var numbers []string
		for _, n := range x.Campaigns {
			numbers = append(numbers, fmt.Sprint(n))
		}
		out.Shared = append(out.Shared, shown(x.Value, 80)+" in "+strings.Join(numbers, ", "))
	}
	var rest []string
	if n := len(told) - shownStories; n > 0 {
		rest = append(rest, fmt.Sprintf("%s are left out of this page: weir campaigns --json --all writes them all.", plural(n, "more campaign")))
	}
	if left > 0 {
		rest = append(rest, plural(left, "event")+" of the funnel's rest belong to no campaign: seldom, quiet, and like nothing else. They are among the suspects below.")
	}
	out.Left = strings.Join(rest, " ")
	return out, nil
}

// laneAxis is the time that lanes reach over: the windows and a little to both sides, so that these are seen to end.
func laneAxis(r *hunt.Result) *chart {
	h := hull(r)
	margin := float64(float64(max(h.Length(), int64(time.Second))) / 1e9 * laneMargin)
	return &chart{Time: true, XFrom: seconds(h.From) - margin, XTo: seconds(h.To) + margin, zone: r.Zone}
}

// loudest returns the steps with the best suspects, at most n, in the order of time.
func loudest(steps []cluster.Step, n int) []int {
	order := make([]int, len(steps))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return steps[a].Best - steps[b].Best })
	order = order[:min(len(order), n)]
	slices.Sort(order)
	return order
}

func newLane(r *hunt.Result, c *cluster.Campaign, axis *chart) lane {
	l := lane{N: c.Number, Name: shown(c.Strangest().Name, 120), When: when(r, c.First, c.Last)}
	steps := loudest(c.Steps, maxLaneSteps)
	l.Height = fmt.Sprint(max(2, len(steps))*(barHeight+2) + 2)
	for i, k := range steps {
		x := &c.Steps[k]
		from, to := axis.rise0(seconds(x.First)), axis.rise0(seconds(x.Last))
		y := 2 + i*(barHeight+2)
		if len(steps) == 1 {
			y += (barHeight + 2) / 2
		}
		role := ""
		if x.Best == c.Best {
			role = "best"
		}
		l.Bars = append(l.Bars, laneBar{X: inPercent(from), Y: fmt.Sprint(y), Width: inPercent(max(to-from, .004)),
			Height: fmt.Sprint(barHeight), Path: ticksOf(r, x, axis), Role: role})
	}
	l.Say = fmt.Sprintf("Campaign %d: %s in %s, %s", c.Number, plural(c.Events, "event"), plural(len(c.Steps), "step"), l.When)
	return l
}

// rise0 is how far right x stands, 0 to 1.
func (c *chart) rise0(x float64) float64 { return clamp((x - c.XFrom) / (c.XTo - c.XFrom)) }

// ticksOf draws the bins of a lane that a step has events in.
func ticksOf(r *hunt.Result, x *cluster.Step, axis *chart) string {
	var bins [laneBins]bool
	for _, m := range x.Members {
		bins[min(laneBins-1, int(axis.rise0(seconds(r.Time(m)))*laneBins))] = true
	}
	var b strings.Builder
	const wide = laneField / laneBins
	for i := 0; i < laneBins; i++ {
		if !bins[i] {
			continue
		}
		k := i
		for k+1 < laneBins && bins[k+1] {
			k++
		}
		fmt.Fprintf(&b, "M%d 0h%dv%dh-%dz", i*wide, (k-i+1)*wide, barHeight, (k-i+1)*wide)
		i = k
	}
	return b.String()
}

// when writes from when to when, in as few words as can be.
func when(r *hunt.Result, first, last int64) string {
	from, to := at(first, r.Zone), at(last, r.Zone)
	text := from.Format("2 Jan 15:04:05")
	switch {
	case last/1e9 == first/1e9:
	case from.Format(time.DateOnly) == to.Format(time.DateOnly):
		text += " to " + to.Format(ofTheDay)
	default:
		text += " to " + to.Format("2 Jan 15:04:05")
	}
	return text
}

func newStory(r *hunt.Result, c *cluster.Campaign) (*story, error) {
	best, err := r.Suspect(c.Best)
	if err != nil {
		return nil, err
	}
	x := &story{N: c.Number, Score: strings.Replace(fmt.Sprintf("%.1f", c.Score), "-", "−", 1), Verdict: string(best.Verdict),
		Mark: marks[best.Verdict], Chance: chance(best.Probability), Name: shown(c.Name, 300), When: when(r, c.First, c.Last)}
	x.What = plural(c.Events, "event") + " in " + plural(len(c.Steps), "step")
	x.Facts = storyFacts(r, &c.Facts)
	var by []string
	for _, l := range c.Links[:min(len(c.Links), 3)] {
		by = append(by, fmt.Sprintf("%s (%s)", shown(l.Words(), 80), plural(l.Steps, "step")))
	}
	if len(by) > 0 {
		x.Joined = "Joined by " + strings.Join(by, ", ") + "."
	}
	steps := loudest(c.Steps, maxStorySteps)
	seen := map[string]bool{}
	for _, k := range steps {
		p := &c.Steps[k]
		f := hunt.Fold{Best: p.Best, Members: p.Members, Clients: p.ClientCount, Contents: p.Contents, First: p.First, Last: p.Last}
		y, err := newRow(r, &f, k+1, func(string) int { return 0 })
		if err != nil {
			return nil, err
		}
		s := storyStep{row: y, ID: fmt.Sprintf("story-%d-%d", c.Number, k+1), Name: shown(p.Name, 200), Count: term.Count(len(p.Members)) + " ×",
			Best: p.Best == c.Best}
		e, err := r.Suspect(p.Best)
		if err != nil {
			return nil, err
		}
		s.Reason = reason(cluster.Reasons(e.Evidence, 2, seen))
		for _, v := range cluster.Reasons(e.Evidence, 1, seen) {
			seen[v.Token] = true
		}
		x.Steps = append(x.Steps, s)
	}
	if n := len(c.Steps) - len(steps); n > 0 {
		x.More = "and " + plural(n, "quieter step") + ": weir campaigns --json --all names them"
	}
	x.Graph = newGraph(c, steps, strings.ToLower(whose(r)))
	return x, nil
}

// reason says why in a line: in words, if there are any, else the clue with its counts.
func reason(list []hunt.Evidence) string {
	for _, e := range list {
		if e.Words != "" {
			return shown(e.Words, maxToken)
		}
	}
	for _, e := range list {
		return fmt.Sprintf("%s: in %s of bad, %s of good", shown(e.Token, 100), shareOf(e.BadShare, e.Bad), shareOf(e.GoodShare, e.Good))
	}
	return ""
}

// whose says what clients are: who did it, or, where hosts were asked for, who stands at the other end.
func whose(r *hunt.Result) string {
	if len(r.Hosts) > 0 {
		return "With"
	}
	return "From"
}

// storyFacts are who and what, the most frequent values of each.
func storyFacts(r *hunt.Result, f *cluster.Facts) []fact {
	countries, clients := f.Countries, f.ClientCount
	if len(r.Hosts) > 0 {
		countries = nil // of the hosts
		if f.DestinationCount == clients {
			clients = 0 // the same
		}
	}
	var out []fact
	for _, x := range []struct {
		name  string
		list  []cluster.Count
		count int
	}{{whose(r), f.Clients, clients}, {"Country", countries, len(countries)}, {"User", f.Users, f.UserCount}, {"On", f.Hosts, f.HostCount},
		{"To", f.Destinations, f.DestinationCount}, {"Names", f.Names, f.NameCount}, {"Paths", f.Paths, f.PathCount}} {
		if x.count == 0 {
			continue
		}
		var values []string
		for _, v := range x.list[:min(len(x.list), maxStoryFacts)] {
			values = append(values, shown(v.Value, 80))
		}
		y := fact{Name: x.name, Value: strings.Join(values, ", ")}
		if n := x.count - len(values); n > 0 {
			y.Note = "and " + term.Count(n) + " more"
		}
		out = append(out, y)
	}
	return out
}
