package main

import (
	"context"
	"io"
	"os"

	"golang.org/x/term"
)

// keys are what an analyst types: on a terminal each as it is pressed, through a pipe one after the other.
type keys struct {
	in      io.Reader
	file    *os.File // a terminal, or nil
	pending []byte
	ask     chan struct{}
	answer  chan []byte
}

func newKeys(in io.Reader) *keys {
	k := &keys{in: in}
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		k.file = f
	}
	return k
}

// Keys that end the work.
const (
	interrupt = 3 // Ctrl-C, on a terminal that does not make a signal of it
	endOfFile = 4 // Ctrl-D
	escape    = 0x1b
)

// next returns the next key; q where there are none left, or ctx has ended. The terminal gives keys as they are pressed only
// while next waits, and is as it was whenever next is left, in whatever way.
func (k *keys) next(ctx context.Context) byte {
	for {
		for len(k.pending) > 0 {
			c := k.pending[0]
			k.pending = k.pending[1:]
			switch c {
			case ' ', '\n', '\r', '\t':
				continue
			case interrupt, endOfFile:
				return 'q'
			}
			return c
		}
		b := k.read(ctx)
		if len(b) == 0 {
			return 'q'
		}
		k.pending = plainKeys(b)
	}
}

// plainKeys takes out what arrows and function keys send: escape, [ or O, parameters, a last byte from @ on.
func plainKeys(b []byte) (out []byte) {
	for i := 0; i < len(b); i++ {
		if b[i] != escape {
			out = append(out, b[i])
			continue
		}
		if i+1 < len(b) && (b[i+1] == '[' || b[i+1] == 'O') {
			for i += 2; i < len(b) && b[i] < '@'; i++ {
			}
		}
	}
	return out
}

// read waits for bytes; none means the end.
func (k *keys) read(ctx context.Context) []byte {
	if k.file != nil {
		old, err := term.MakeRaw(int(k.file.Fd()))
		if err == nil {
			defer func() { _ = term.Restore(int(k.file.Fd()), old) }() // there is nothing else to do about a terminal that is gone
		}
	}
	if k.ask == nil {
		k.ask, k.answer = make(chan struct{}), make(chan []byte, 1)
		go k.serve()
	}
	select {
	case k.ask <- struct{}{}:
	case <-ctx.Done():
		return nil
	}
	select {
	case b := <-k.answer:
		return b
	case <-ctx.Done():
		return nil
	}
}

// serve reads for as long as it is asked, since a read cannot be interrupted.
func (k *keys) serve() {
	for range k.ask {
		b := make([]byte, 64)
		n, err := k.in.Read(b)
		for n == 0 && err == nil {
			n, err = k.in.Read(b)
		}
		k.answer <- b[:n]
	}
}
