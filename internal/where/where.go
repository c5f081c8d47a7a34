// Package where compiles the conditions that people write about events: --drop-where and its like.
//
// A condition is an expression of github.com/expr-lang/expr over the fields of an event, under their own names:
//
//	http.response.status_code >= 500 and url.path startsWith "/api/"
//	source.ip in ["192.0.2.7", "192.0.2.8"] or user.name == "backup"
//	has("user.name") and dataset == "syslog"
//
// A field is its first value as text, or a number where it reads as one; a field that the event lacks is nil. Comparing
// what cannot be compared (a missing field with a number) is false. dataset, time (seconds since 1970) and has(NAME) are
// there beside the fields; field("odd name") reads a field whose name is no identifier.
package where

import (
	"fmt"
	"math"
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
	program, err := expr.Compile(text,
		expr.AllowUndefinedVariables(),
		expr.Function("field", func(a ...any) (any, error) { return a[0].(*environment).Field(a[1].(string)), nil },
			new(func(*environment, string) any)),
		expr.Env(map[string]any{"event": &environment{}}),
		expr.Patch(&namer{}),
	)
	if err != nil {
		return nil, fmt.Errorf("cannot read the condition %q: %w", text, err)
	}
	c.program = program
	return c, nil
}

// Fork returns the same condition for another goroutine.
func (c *Condition) Fork() *Condition { return &Condition{program: c.program} }

// Match reports whether the event meets the condition. A condition that fails on an event, or is no truth value for it,
// is not met.
func (c *Condition) Match(e *event.Event) bool {
	c.env.e = e
	out, err := c.machine.Run(c.program, map[string]any{"event": &c.env})
	yes, ok := out.(bool)
	return err == nil && ok && yes
}

// A namer turns dotted names into look-ups of fields: source.ip becomes field(event, "source.ip").
type namer struct{}

// Visit implements ast.Visitor. Nodes are visited from the leaves up, so source.ip is first field("source").ip.
func (*namer) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value != "event" && n.Value != "field" && n.Value != "has" {
			ast.Patch(node, lookup(n.Value))
		}
	case *ast.MemberNode:
		name, ok := n.Property.(*ast.StringNode)
		if inner := lookedUp(n.Node); ok && inner != "" {
			ast.Patch(node, lookup(inner+"."+name.Value))
		}
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		if !ok || len(n.Arguments) != 1 {
			return
		}
		switch name, ok := n.Arguments[0].(*ast.StringNode); {
		case !ok:
		case callee.Value == "field":
			ast.Patch(node, lookup(name.Value))
		case callee.Value == "has":
			ast.Patch(node, &ast.BinaryNode{Operator: "!=", Left: lookup(name.Value), Right: &ast.NilNode{}})
		}
	}
}

func lookup(name string) ast.Node {
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
