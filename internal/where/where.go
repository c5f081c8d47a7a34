// Package where compiles the conditions that people write about events: --drop-where and its like.
//
// A condition is an expression of github.com/expr-lang/expr over the fields of an event, under their own names:
//
//	http.response.status_code >= 500 and url.path startsWith "/api/"
//	source.ip in ["192.0.2.7", "192.0.2.8"] or user.name == "backup"
//	has("user.name") and dataset == "syslog"
//	cidr(source.ip, "10.0.0.0/8", "2001:db8::/32")
//
// A field is its first value as text, or a number where it reads as one; a field that the event lacks is nil. Comparing
// what cannot be compared (a missing field with a number) is false. dataset, time (seconds since 1970) and has(NAME) are
// there beside the fields; field("odd name") reads a field whose name is no identifier; cidr(FIELD, NETWORK…) tells whether
// an address lies in one of the networks, an IPv4 address written as IPv6 too.
package where

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"weir/internal/event"
)

// A Condition tells events apart. It is used by one goroutine; Fork makes another for the next.
type Condition struct {
	program *vm.Program
	machine vm.VM
	env     environment
	vars    map[string]any // what the program sees: env, made at the first Match
	fields  []string
}

type environment struct {
	e *event.Event
}

// Field returns the first value of a field: nil, a number or a text.
func (v *environment) Field(name string) any {
	switch name {
	case "dataset":
		return v.e.Dataset
	case "time":
		if !v.e.HasTime {
			return nil
		}
		return float64(v.e.Time) / 1e9
	}
	b := v.e.Get(name)
	if b == nil {
		return nil
	}
	if f, err := strconv.ParseFloat(string(b), 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
		return f
	}
	return string(b)
}

// Compile reads a condition. The error shows where it goes wrong.
func Compile(text string) (*Condition, error) {
	c := &Condition{}
	names := &namer{}
	program, err := expr.Compile(text,
		expr.AllowUndefinedVariables(),
		expr.Function("field", func(a ...any) (any, error) { return a[0].(*environment).Field(a[1].(string)), nil },
			new(func(*environment, string) any)),
		expr.Function("cidr", func(a ...any) (any, error) { return within(a[0], a[1].([]netip.Prefix)), nil },
			new(func(any, ...any) bool)),
		expr.Env(map[string]any{"event": &environment{}}),
		expr.Patch(names),
	)
	if err = errors.Join(append(names.faults, err)...); err != nil {
		return nil, fmt.Errorf("cannot read the condition %q: %w", text, err)
	}
	c.program, c.fields = program, slices.Compact(slices.Sorted(slices.Values(names.fields)))
	return c, nil
}

// Fork returns the same condition for another goroutine.
func (c *Condition) Fork() *Condition { return &Condition{program: c.program, fields: c.fields} }

// Fields returns the names of the fields that the condition reads, sorted. One that reads none says the same of every event.
func (c *Condition) Fields() []string { return slices.Clone(c.fields) }

// within reports whether a value is an address in one of the networks.
func within(v any, networks []netip.Prefix) bool {
	text, ok := v.(string)
	if !ok {
		return false
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return false
	}
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Match reports whether the event meets the condition. A condition that fails on an event, or is no truth value for it,
// is not met.
func (c *Condition) Match(e *event.Event) bool {
	if c.vars == nil {
		c.vars = map[string]any{"event": &c.env}
	}
	c.env.e = e
	out, err := c.machine.Run(c.program, c.vars)
	yes, ok := out.(bool)
	return err == nil && ok && yes
}

// A namer turns dotted names into look-ups of fields: source.ip becomes field(event, "source.ip").
type namer struct {
	fields []string
	faults []error
}

// Visit implements ast.Visitor. Nodes are visited from the leaves up, so source.ip is first field("source").ip.
func (v *namer) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value != "event" && n.Value != "field" && n.Value != "has" && n.Value != "cidr" {
			ast.Patch(node, v.lookup(n.Value))
		}
	case *ast.MemberNode:
		name, ok := n.Property.(*ast.StringNode)
		if inner := lookedUp(n.Node); ok && inner != "" {
			v.fields = v.fields[:len(v.fields)-1] // source was no field, but the start of source.ip
			ast.Patch(node, v.lookup(inner+"."+name.Value))
		}
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		if !ok {
			if name := lookedUp(n.Callee); name != "" {
				v.faults = append(v.faults, fmt.Errorf("there is no function %s", name))
			}
			return
		}
		if callee.Value == "cidr" {
			v.networks(n)
		}
		if len(n.Arguments) != 1 {
			return
		}
		switch name, ok := n.Arguments[0].(*ast.StringNode); {
		case !ok:
		case callee.Value == "field":
			ast.Patch(node, v.lookup(name.Value))
		case callee.Value == "has":
			ast.Patch(node, &ast.BinaryNode{Operator: "!=", Left: v.lookup(name.Value), Right: &ast.NilNode{}})
		}
	}
}

// networks makes the networks of a call of cidr, which are texts, one constant.
func (v *namer) networks(n *ast.CallNode) {
	if len(n.Arguments) < 2 {
		v.faults = append(v.faults, errors.New(`cidr takes a field and networks: cidr(source.ip, "10.0.0.0/8")`))
		return
	}
	var list []netip.Prefix
	for _, a := range n.Arguments[1:] {
		text, ok := a.(*ast.StringNode)
		if !ok {
			v.faults = append(v.faults, errors.New(`the networks of cidr are texts: cidr(source.ip, "10.0.0.0/8")`))
			return
		}
		p, err := netip.ParsePrefix(text.Value)
		if a, e := netip.ParseAddr(text.Value); e == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			v.faults = append(v.faults, fmt.Errorf("%q is no network; write 10.0.0.0/8 or 2001:db8::/32", text.Value))
			return
		}
		list = append(list, p.Masked())
	}
	n.Arguments = []ast.Node{n.Arguments[0], &ast.ConstantNode{Value: list}}
}

// lookup returns the node that reads a field.
func (v *namer) lookup(name string) ast.Node {
	v.fields = append(v.fields, name)
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: "field"},
		Arguments: []ast.Node{&ast.IdentifierNode{Value: "event"}, &ast.StringNode{Value: name}}}
}

// lookedUp returns the name that a look-up made by this visitor reads, or "".
func lookedUp(n ast.Node) string {
	call, ok := n.(*ast.CallNode)
	if !ok || len(call.Arguments) != 2 {
		return ""
	}
	if callee, ok := call.Callee.(*ast.IdentifierNode); !ok || callee.Value != "field" {
		return ""
	}
	if name, ok := call.Arguments[1].(*ast.StringNode); ok {
		return name.Value
	}
	return ""
}
