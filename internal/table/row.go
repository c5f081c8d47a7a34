package table

import (
	"bytes"
	"errors"
)

var (
	errShort      = errors.New("it has fewer rows than the end of the file says")
	errManyValues = errors.New("a row has more than 4 million values")
	errDisagree   = errors.New("its lists do not fit those of the columns beside it")
)

// maxElements bounds the elements of lists in a row, each times its columns: ten bytes may claim two thousand million.
const maxElements = 4 << 20

// line appends the next line: a row, or a record of one.
func (x *Reader) line() (err error) {
	x.elementsLeft, x.memory.spent = x.maxElements, 0
	if !x.within {
		if err := x.beginRow(); err != nil {
			return err
		}
	}
	switch {
	case x.log:
		if c := x.columns[0]; c.def == c.maxDef {
			x.buf, err = c.value(x.buf)
		} else {
			c.drop()
		}
	case x.records != nil:
		err = x.nextRecord()
	default:
		err = x.lineOf(x.top)
	}
	if err != nil {
		return err
	}
	x.cut()
	x.buf = append(x.buf, '\n')
	return nil
}

// beginRow looks whether all columns stand at the beginning of a row.
func (x *Reader) beginRow() error {
	for _, c := range x.columns {
		if err := c.peek(); err != nil {
			return err
		}
		switch {
		case c.ended:
			return c.wrong(errShort)
		case c.maxRep > 0 && c.rep != 0:
			return c.wrong(errDisagree)
		}
	}
	return nil
}

// lineOf appends a group as a line.
func (x *Reader) lineOf(n *node) error {
	err := x.object(n)
	if err == nil {
		x.add()
	}
	return err
}

// nextRecord appends the next element of the list of records as a line, and finds out whether another follows.
func (x *Reader) nextRecord() error {
	if !x.within {
		for _, n := range []*node{x.top.kids[0], x.records} {
			if there, err := x.there(n); err != nil {
				return err
			} else if !there {
				x.drop(n)
				return nil
			}
		}
	}
	there, err := x.there(x.record)
	switch {
	case err != nil:
	case there:
		err = x.lineOf(x.record)
	default:
		x.drop(x.record)
	}
	if err != nil {
		return err
	}
	if x.within, err = x.more(x.records); err != nil || !x.within {
		return err
	}
	if there, err = x.there(x.records); err == nil && !there {
		err = x.columns[x.records.lo].wrong(errDisagree)
	}
	return err
}

// add puts the members that all rows have into the object that is made.
func (x *Reader) add() {
	if len(x.added) == 0 || x.full() {
		return
	}
	n, added := len(x.buf)-1, x.added
	if x.buf[n-1] == '{' && n-1 == x.start {
		added = added[1:]
	}
	x.buf = append(append(x.buf[:n], added...), '}') // its bracket comes behind them
}

// full reports whether the line is too long already: then it is no use to make more of it.
func (x *Reader) full() bool { return len(x.buf)-x.start > x.maxLine }

// cut bounds the line that is made.
func (x *Reader) cut() {
	if x.full() {
		x.buf = x.buf[:x.start+x.maxLine+1]
	}
}

// object appends the members of a group as an object.
func (x *Reader) object(n *node) error {
	x.buf = append(x.buf, '{')
	first := true
	for _, k := range n.kids {
		there, err := x.there(k)
		if err != nil {
			return err
		}
		if !there {
			x.drop(k)
			continue
		}
		if !first {
			x.buf = append(x.buf, ',')
		}
		first = false
		if !x.full() {
			x.buf = append(x.buf, k.name...)
		}
		if err := x.value(k); err != nil {
			return err
		}
	}
	x.buf = append(x.buf, '}')
	return nil
}

// there reports whether a node has a value in the entry that its columns stand at. They have to agree.
func (x *Reader) there(n *node) (bool, error) {
	if n.lo == n.hi { // a group without columns
		return !n.optional && !n.repeated, nil
	}
	there := false
	for i, c := range x.columns[n.lo:n.hi] {
		if !c.has {
			if err := c.peek(); err != nil {
				return false, err
			}
		}
		switch t := c.def >= n.def; {
		case c.ended:
			return false, c.wrong(errShort)
		case i == 0:
			there = t
		case t != there:
			return false, c.wrong(errDisagree)
		}
	}
	return there, nil
}

// drop goes past an entry of a node that has no value there.
func (x *Reader) drop(n *node) {
	for _, c := range x.columns[n.lo:n.hi] {
		c.drop()
	}
}

// more reports whether another element follows in a repeated node.
func (x *Reader) more(n *node) (bool, error) {
	more := false
	for i, c := range x.columns[n.lo:n.hi] {
		if err := c.peek(); err != nil {
			return false, err
		}
		switch m := !c.ended && c.rep == n.rep; {
		case !c.ended && c.rep > n.rep:
			return false, c.wrong(errDisagree)
		case i == 0:
			more = m
		case m != more:
			return false, c.wrong(errDisagree)
		}
	}
	return more, nil
}

// value appends the value of a node that is there.
func (x *Reader) value(n *node) error {
	if n.repeated {
		return x.elements(n, '[', ']', func() error { return x.single(n) })
	}
	return x.single(n)
}

// single appends a value of a node, one of several where it is repeated.
func (x *Reader) single(n *node) (err error) {
	switch n.shape {
	case isLeaf:
		c := x.columns[n.lo]
		if c.def != c.maxDef {
			return c.wrong(errDisagree)
		}
		if x.full() {
			return c.skip()
		}
		x.buf, err = c.value(x.buf)
		x.cut()
		return err
	case isList:
		return x.list(n)
	case isMap:
		return x.pairs(n)
	}
	return x.object(n)
}

// elements appends what a repeated node has, which is there.
func (x *Reader) elements(n *node, open, end byte, one func() error) error {
	x.buf = append(x.buf, open)
	for {
		if err := one(); err != nil {
			return err
		}
		more, err := x.more(n)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if there, err := x.there(n); err != nil || !there {
			return errors.Join(err, x.columns[n.lo].wrong(errDisagree))
		}
		if x.elementsLeft -= n.hi - n.lo; x.elementsLeft < 0 {
			return x.columns[n.lo].wrong(errManyValues)
		}
		x.buf = append(x.buf, ',')
		x.cut()
	}
	x.buf = append(x.buf, end)
	return nil
}

func (x *Reader) list(n *node) error {
	r := n.kids[0]
	there, err := x.there(r)
	if err != nil {
		return err
	}
	if !there {
		x.drop(r)
		x.buf = append(x.buf, "[]"...)
		return nil
	}
	return x.elements(r, '[', ']', func() error {
		if n.element == r {
			return x.single(r)
		}
		return x.element(n.element)
	})
}

// element appends a value that has a place of its own, and be it null.
func (x *Reader) element(n *node) error {
	there, err := x.there(n)
	if err != nil {
		return err
	}
	if !there {
		x.drop(n)
		x.buf = append(x.buf, "null"...)
		return nil
	}
	return x.value(n)
}

// pairs appends a map as an object: its keys are names, whatever they are.
func (x *Reader) pairs(n *node) error {
	r := n.kids[0]
	there, err := x.there(r)
	if err != nil {
		return err
	}
	if !there {
		x.drop(r)
		x.buf = append(x.buf, "{}"...)
		return nil
	}
	return x.elements(r, '{', '}', func() error {
		start := len(x.buf)
		if err := x.element(r.kids[0]); err != nil {
			return err
		}
		if x.buf = quote(x.buf, start); n.element == nil {
			x.buf = append(x.buf, ":true"...)
			return nil
		}
		x.buf = append(x.buf, ':')
		return x.element(n.element)
	})
}

// quote makes a string of the value at b[start:], if that was not cut off.
func quote(b []byte, start int) []byte {
	if start >= len(b) || b[start] == '"' {
		return b
	}
	return appendString(b[:start], bytes.Clone(b[start:]))
}
