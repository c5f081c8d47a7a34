package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"weir/internal/cluster"
	"weir/internal/term"
	"weir/internal/token"
)

// Bounds of the graph of a campaign.
const (
	maxActors  = 8 // to the left of the steps: who
	maxObjects = 10
	agentKind  = "as"
	otherEnd   = "with"
	nodeHeight = 26 // of a node, in pixels of the page
)

// A graph says which steps of a campaign have which entities in common: who on the left, steps in the order of time in the middle,
// what was touched on the right. It is drawn in layers, since a reader follows lines from a name to its steps; names are text of the
// page, and only the lines are a drawing, so that both fit any width.
type graph struct {
	Height      int
	Left, Right []node
	Steps       []node
	From, To    []edge // lines from the left to the steps, and from these to the right
	Omitted     string // what is not drawn, in words
	Title       string
}

// A node is an entity or a step.
type node struct {
	Kind, Text, Ref string
	Top             int // of its row
	Joins           bool

	value  string
	events int
	steps  []int // indices of steps that have it
}

// An edge is a line of a drawing that is 100 wide.
type edge struct {
	D     string
	Joins bool
}

// newGraph draws the steps of a campaign that are shown with their entities. whose says how clients stand to the steps.
func newGraph(c *cluster.Campaign, shownSteps []int, whose string) *graph {
	g := &graph{Title: fmt.Sprintf("Who and what the steps of campaign %d have in common", c.Number)}
	kindOf := map[string]string{"client": whose, "user": "user", "user agent": agentKind, "host": "on", "destination": "to", "name": "name", "path": "path"}
	joins := map[string]bool{}
	for _, l := range c.Links {
		joins[kindOf[l.Kind]+"\x00"+l.Value] = true
		if who, with, pair := strings.Cut(l.Value, " × "); pair { // a program of a client or host
			joins[whose+"\x00"+who], joins["on\x00"+who], joins[agentKind+"\x00"+with] = true, true, true
		}
	}
	kinds := func(f *cluster.Facts, actors bool) []struct {
		kind string
		list []cluster.Count
	} {
		type k = struct {
			kind string
			list []cluster.Count
		}
		if actors && whose == otherEnd && c.DestinationCount > 0 { // they stand to the right
			return []k{{"user", f.Users}, {agentKind, f.Agents}}
		}
		if actors {
			return []k{{whose, f.Clients}, {"user", f.Users}, {agentKind, f.Agents}}
		}
		return []k{{"on", f.Hosts}, {"to", f.Destinations}, {"name", f.Names}, {"path", f.Paths}}
	}
	drawn := 0
	side := func(actors bool, most int) []node {
		at := map[string]int{}
		var all []node
		for i, k := range shownSteps {
			for _, x := range kinds(&c.Steps[k].Facts, actors) {
				for _, v := range x.list {
					key := x.kind + "\x00" + v.Value
					n, ok := at[key]
					if !ok {
						n = len(all)
						at[key] = n
						text := v.Value
						if x.kind == agentKind {
							text = token.ProductTitle(text)
						}
						all = append(all, node{Kind: x.kind, Text: shown(text, 120), value: v.Value, Joins: joins[key]})
					}
					all[n].events += v.Events
					all[n].steps = append(all[n].steps, i)
				}
			}
		}
		if slices.ContainsFunc(all, product) { // these say the same as whole user agents, in fewer words
			all = slices.DeleteFunc(all, func(n node) bool { return n.Kind == agentKind && !product(n) })
		}
		slices.SortFunc(all, func(a, b node) int {
			return cmp.Or(cmp.Compare(len(b.steps), len(a.steps)), cmp.Compare(b.events, a.events), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.value, b.value))
		})
		all = all[:min(len(all), most)]
		drawn += len(all)
		slices.SortStableFunc(all, func(a, b node) int { // by the middle of their steps, so that few lines cross
			return cmp.Compare(sumOf(a.steps)*len(b.steps), sumOf(b.steps)*len(a.steps))
		})
		return all
	}
	g.Left, g.Right = side(true, maxActors), side(false, maxObjects)
	for i, k := range shownSteps {
		g.Steps = append(g.Steps, node{Text: fmt.Sprint(k + 1), Ref: fmt.Sprintf("story-%d-%d", c.Number, k+1), steps: []int{i}, Joins: c.Steps[k].Best == c.Best})
	}
	rows := max(len(g.Left), len(g.Right), len(g.Steps))
	g.Height = rows * nodeHeight
	for _, list := range [][]node{g.Left, g.Steps, g.Right} {
		for i := range list {
			list[i].Top = i*nodeHeight + (rows-len(list))*nodeHeight/2
		}
	}
	g.From, g.To = edges(g.Left, g.Steps, false), edges(g.Right, g.Steps, true)
	g.Omitted = omitted(c, drawn, whose)
	return g
}

// product reports whether a node is a user agent by its product alone.
func product(n node) bool { return n.Kind == agentKind && !strings.Contains(n.value, "(") }

func sumOf(list []int) (sum int) {
	for _, x := range list {
		sum += x
	}
	return sum
}

// edges draws lines between entities and steps; mirrored if the steps stand to the left.
func edges(entities, steps []node, mirrored bool) []edge {
	var out []edge
	for _, n := range entities {
		for _, i := range n.steps {
			from, to := n.Top+nodeHeight/2, steps[i].Top+nodeHeight/2
			if mirrored {
				from, to = to, from
			}
			out = append(out, edge{fmt.Sprintf("M0 %dC50 %d 50 %d 100 %d", from, from, to, to), n.Joins})
		}
	}
	return out
}

// omitted says how many entities of each kind are not drawn, at least.
func omitted(c *cluster.Campaign, drawn int, whose string) string {
	f := &c.Facts
	clients, agents := f.ClientCount, 0
	if whose == otherEnd && f.DestinationCount > 0 {
		clients = 0
	}
	for _, a := range f.Agents {
		if product(node{Kind: agentKind, value: a.Value}) {
			agents++
		}
	}
	if agents == 0 {
		agents = len(f.Agents)
	}
	all := 0
	var parts []string
	for _, x := range []struct {
		count int
		noun  string
	}{{clients, "client"}, {f.UserCount, "user"}, {agents, "user agent"}, {f.HostCount, "host"}, {f.DestinationCount, "destination"},
		{f.NameCount, "name"}, {f.PathCount, "path"}} {
		all += x.count
		if x.count > 0 {
			parts = append(parts, plural(x.count, x.noun))
		}
	}
	if all <= drawn {
		return ""
	}
	return fmt.Sprintf("Drawn are %d of %s: those of most steps, then of most events. In all there are %s.", drawn, term.Count(all), strings.Join(parts, ", "))
}
