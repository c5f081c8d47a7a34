package hdfs

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	maxPacket  = 128 << 20 // bytes of an answer (ipc.maximum.response.length)
	wrapHeader = 16        // bytes of a token of GSSAPI before what it wraps (RFC 4121, section 4.2.6.2)
	minSecret  = 40        // bytes of what is encrypted; less is no answer, and the library panics at less than a checksum
)

// negotiated is a connection to a NameNode that wants a login. The library takes whatever protection the first answer offers,
// which nothing proves to be the NameNode's; here it is held against the configuration (hadoop.rpc.protection) before. Answers
// are read whole, as the library does.
type negotiated struct {
	net.Conn
	allowed []string // protections, as SASL names them, the strongest first; a stronger one than the last is taken too
	setting string
	private bool // answers are encrypted
	begun   bool
	ready   []byte // of an answer that may be read
}

func (c *negotiated) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(c.ready) == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.ready)
	c.ready = c.ready[n:]
	return n, nil
}

// next reads an answer, and refuses it, or makes it ready.
func (c *negotiated) next() error {
	var head [4]byte
	if _, err := io.ReadFull(c.Conn, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxPacket {
		return fmt.Errorf("an answer of %d bytes: %w", n, errBroken)
	}
	b := make([]byte, 4+int(n))
	copy(b, head[:])
	if _, err := io.ReadFull(c.Conn, b[4:]); err != nil {
		return err
	}
	var answer []byte // a RpcSaslProto, where there is one
	if _, l := protowire.ConsumeBytes(b[4:]); l >= 0 {
		answer, _ = protowire.ConsumeBytes(b[4+l:])
	}
	var err error
	if !whole(b[4:]) {
		err = errBroken
	} else if !c.begun {
		c.begun = true
		err = c.judge(answer)
	} else if c.private {
		err = checkWrapped(answer)
	}
	if err != nil {
		c.Close()
		return err
	}
	c.ready = b
	return nil
}

// plainAnswers reads those of a NameNode to which nothing has to be held any more but what the library panics at, or takes 4 GB of memory for.
func plainAnswers(c net.Conn) io.Reader { return &negotiated{Conn: c, begun: true} }

// whole reports whether an answer is made of parts after their lengths.
func whole(answer []byte) bool {
	for len(answer) > 0 {
		_, l := protowire.ConsumeBytes(answer)
		if l < 0 {
			return false
		}
		answer = answer[l:]
	}
	return true
}

// judge holds the first answer against the configuration: it lists the ways to log in, and a challenge for tokens with the protections.
func (c *negotiated) judge(answer []byte) error {
	kerberos, offered := false, []string{"auth"}
	eachField(answer, func(n protowire.Number, _ uint64, way []byte) {
		if n != 4 || way == nil {
			return
		}
		switch string(field(way, 1)) {
		case "KERBEROS":
			kerberos = true
		case "TOKEN":
			offered, _ = offer(field(way, 5))
		}
	})
	if !kerberos {
		return nil // and the library says so
	}
	strength := func(qop string) int { return slices.Index([]string{"auth", "auth-int", "auth-conf"}, qop) }
	got := -1 // the library takes the strongest
	for _, q := range offered {
		got = max(got, strength(q))
	}
	if len(c.allowed) == 0 || got < strength(c.allowed[len(c.allowed)-1]) {
		return fmt.Errorf("it offers %q, and the configuration (hadoop.rpc.protection) asks for %q", strings.Join(offered, ","), c.setting)
	}
	c.private = got == strength("auth-conf")
	return nil
}

// checkWrapped refuses encrypted answers that are too short to be any.
func checkWrapped(answer []byte) error {
	token := field(answer, 3)
	if token == nil {
		return nil
	}
	state := uint64(0)
	eachField(answer, func(n protowire.Number, v uint64, b []byte) {
		if n == 2 && b == nil {
			state = v
		}
	})
	const wrap = 5
	if state == wrap && (len(token) < wrapHeader || len(token)-wrapHeader-int(binary.BigEndian.Uint16(token[4:])) < minSecret) {
		return errBroken
	}
	return nil
}
