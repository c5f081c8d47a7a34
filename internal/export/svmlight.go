package export

import (
	"bufio"
	"io"
	"slices"
	"strconv"
	"strings"
)

// MaxTokens is how many different tokens an [SVMLight] knows where nothing else is said.
const MaxTokens = 2_000_000

// mostText bounds the text of all tokens of a vocabulary in bytes, since whole values are tokens and may be long.
const mostText = 256 << 20

// An SVMLight writes records in the format of SVMlight and LIBSVM, a line each (Joachims, "Making large-scale SVM learning
// practical", 1999):
//
//	LABEL INDEX:1 INDEX:1 … # FILE:LINE
//
// with 1 for bad, -1 for good, 0 for unlabelled. Indices rise; they are those of the vocabulary: from 1, in the order in which tokens
// are first seen. When it is full, or holds 256 MiB of text, tokens that it does not have are left out and counted.
type SVMLight struct {
	w       *bufio.Writer
	limit   int
	room    int // bytes of text that still fit
	index   map[string]uint32
	tokens  []vocable
	row     []uint32
	LeftOut int64 // tokens of records for which the vocabulary had no room
}

// A vocable is a token of the vocabulary with the records that have it.
type vocable struct {
	name                  string
	good, bad, unlabelled int64
}

// NewSVMLight writes to w and learns at most limit tokens; 0 is [MaxTokens].
func NewSVMLight(w io.Writer, limit int) *SVMLight {
	if limit <= 0 {
		limit = MaxTokens
	}
	return &SVMLight{w: bufio.NewWriterSize(w, 1<<16), limit: limit, room: mostText, index: map[string]uint32{}}
}

// Write implements [Writer].
func (s *SVMLight) Write(r *Record) error {
	s.row = s.row[:0]
	for _, name := range r.Tokens {
		i, ok := s.index[name]
		if !ok {
			if len(s.tokens) == s.limit || len(name) > s.room {
				s.LeftOut++
				continue
			}
			s.room -= len(name)
			i = uint32(len(s.tokens))
			s.index[name] = i
			s.tokens = append(s.tokens, vocable{name: name})
		}
		switch v := &s.tokens[i]; r.Label {
		case Good:
			v.good++
		case Bad:
			v.bad++
		default:
			v.unlabelled++
		}
		s.row = append(s.row, i+1)
	}
	slices.Sort(s.row)
	b := s.w.AvailableBuffer()
	b = strconv.AppendInt(b, int64(r.Label), 10)
	for _, i := range s.row {
		b = append(strconv.AppendUint(append(b, ' '), uint64(i), 10), ":1"...)
	}
	b = append(append(b, " # "...), oneLine(r.File)...)
	b = append(strconv.AppendInt(append(b, ':'), r.Line, 10), '\n')
	_, err := s.w.Write(b)
	return err
}

// Flush writes what is held back.
func (s *SVMLight) Flush() error { return s.w.Flush() }

// Tokens returns the size of the vocabulary.
func (s *SVMLight) Tokens() int { return len(s.tokens) }

// Vocabulary writes the vocabulary as tab-separated values with a header: index, token, good, bad, unlabelled: in how many records
// of each label the token is. In tokens, tab, line breaks, NUL and \ stand as \t, \n, \r, \0, \\.
func (s *SVMLight) Vocabulary(w io.Writer) error {
	out := bufio.NewWriter(w)
	out.WriteString("index\ttoken\tgood\tbad\tunlabelled\n") // errors stay, and Flush returns them
	for i := range s.tokens {
		v := &s.tokens[i]
		b := strconv.AppendInt(out.AvailableBuffer(), int64(i+1), 10)
		b = append(append(b, '\t'), oneLine(v.name)...)
		for _, n := range []int64{v.good, v.bad, v.unlabelled} {
			b = strconv.AppendInt(append(b, '\t'), n, 10)
		}
		out.Write(append(b, '\n'))
	}
	return out.Flush()
}

var escapes = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`)

// oneLine escapes what would end a line or a column.
func oneLine(s string) string { return escapes.Replace(s) }
