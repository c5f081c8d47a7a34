package hdfs

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// How a task logs in at a NameNode by a delegation token, which the client library cannot: to the library it is a NameNode that asks for no login.
//
//	client   hrpc 9 0 DF, NEGOTIATE
//	server   NEGOTIATE: ways to log in, TOKEN with a challenge of DIGEST-MD5
//	client   INITIATE: the way, and the response; the token is user and password
//	server   SUCCESS: rspauth, it knows the token too
//	both     what the library says and hears; under auth-int and auth-conf sealed, in messages WRAP
//
// Each is a packet with a RpcRequestHeaderProto, or a RpcResponseHeaderProto, and a RpcSaslProto.

// States of a RpcSaslProto.
const (
	saslSuccess   = 0
	saslNegotiate = 1
	saslInitiate  = 2
	saslWrap      = 5
)

const (
	saslCall   = -33  // the number of every message of a login
	saslLogins = 0xDF // instead of the library's 0, no login
)

// tokened is such a connection.
type tokened struct {
	net.Conn
	token   *delegation
	address string
	others  *refusals
	allowed []string // protections that may be agreed on; the strongest on offer is taken
	in      io.Reader
	out     io.Writer
}

// tokenDial makes them.
func tokenDial(dial dialer, token *delegation, setting string) dialer {
	others := &refusals{}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			if said, logins := others.add(address, err, false); logins {
				return nil, fmt.Errorf("%w, which is %s's: %s", ErrToken, token.owner, said)
			}
			return nil, err
		}
		return &tokened{Conn: c, token: token, address: address, others: others, allowed: atLeast(protections(setting))}, nil
	}
}

// refusals are why each NameNode of a name service could not be had. The library tells of the last only, which may be that it is down, or a standby, where the
// active one has said what is wrong with the token.
type refusals struct {
	mu              sync.Mutex
	addresses, said []string
	logins          bool
}

// add returns all of them, and whether some were of logins.
func (r *refusals) add(address string, err error, login bool) (all string, logins bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logins = r.logins || login
	i := slices.Index(r.addresses, address)
	if i < 0 {
		i = len(r.said)
		r.addresses, r.said = append(r.addresses, address), append(r.said, "")
	}
	r.said[i] = err.Error()
	if len(r.said) == 1 {
		return r.said[0], r.logins
	}
	for i, s := range r.said {
		if i > 0 {
			all += "; "
		}
		all += r.addresses[i] + ": " + s
	}
	return all, r.logins
}

// clear forgets them, since a NameNode was had.
func (r *refusals) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addresses, r.said, r.logins = nil, nil, false
}

func (c *tokened) Write(p []byte) (int, error) {
	if c.out != nil {
		return c.out.Write(p)
	}
	if len(p) != 7 || !bytes.HasPrefix(p, []byte("hrpc")) {
		return 0, errors.New("BUG: the library begins otherwise")
	}
	if err := c.login(append(bytes.Clone(p[:6]), saslLogins)); err != nil {
		c.Close()
		said, _ := c.others.add(c.address, err, true)
		return 0, fmt.Errorf("%w, which is %s's: %s", ErrToken, c.token.owner, said)
	}
	c.others.clear()
	return len(p), nil
}

func (c *tokened) Read(p []byte) (int, error) {
	if c.in == nil {
		return 0, errors.New("BUG: a NameNode is listened to before it is greeted")
	}
	n, err := c.in.Read(p)
	if err != nil {
		c.Close() // the library would go on to ask, and take the answer to one question for that to the next
	}
	return n, err
}

// login makes in and out.
func (c *tokened) login(greeting []byte) error {
	c.SetDeadline(time.Now().Add(handshakeTimeout))
	defer c.SetDeadline(time.Time{})
	if _, err := c.Conn.Write(append(greeting, saslMessage{state: saslNegotiate}.encode()...)); err != nil {
		return err
	}
	m, err := readSasl(c.Conn, saslNegotiate)
	if err != nil {
		return err
	}
	if m.way == nil {
		return errors.New("the NameNode takes no tokens")
	}
	d, err := newDigest(string(field(m.way, 5)), c.allowed, "hadoop.rpc.protection")
	if err != nil {
		return err
	}
	d.user = base64.StdEncoding.EncodeToString(c.token.identifier)
	d.password = base64.StdEncoding.EncodeToString(c.token.password)
	d.uri = string(field(m.way, 3)) + "/" + string(field(m.way, 4))
	if strings.ContainsAny(d.uri, `"\`) {
		return errBroken
	}
	nonce := make([]byte, 16)
	rand.Read(nonce) // never fails
	d.cnonce = base64.StdEncoding.EncodeToString(nonce)
	if _, err := c.Conn.Write(saslMessage{state: saslInitiate, token: []byte(d.answer()), way: withoutChallenge(m.way)}.encode()); err != nil {
		return err
	}
	if m, err = readSasl(c.Conn, saslSuccess); err != nil {
		return err
	}
	if err := d.check(string(m.token)); err != nil {
		return err
	}
	if d.qop == "auth" {
		c.in, c.out = plainAnswers(c.Conn), c.Conn
		return nil
	}
	send, receive := d.seals()
	c.in, c.out = &unwrapper{from: c.Conn, seal: receive}, &wrapper{to: c.Conn, seal: send}
	return nil
}

// withoutChallenge is the way to log in as it is chosen: without what the server asked.
func withoutChallenge(way []byte) []byte {
	var out []byte
	eachField(way, func(n protowire.Number, _ uint64, b []byte) {
		if n < 5 && b != nil {
			out = protowire.AppendBytes(protowire.AppendTag(out, n, protowire.BytesType), b)
		}
	})
	return out
}

// saslMessage is a RpcSaslProto, as far as it is needed.
type saslMessage struct {
	state uint64
	token []byte
	way   []byte // to log in by a token, a RpcSaslProto.SaslAuth; nil for none
}

// encode makes a packet of it.
func (m saslMessage) encode() []byte {
	varint := func(b []byte, n protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
	}
	head := varint(nil, 1, 2) // protobuf
	head = varint(head, 2, 0) // a whole packet
	head = varint(head, 3, protowire.EncodeZigZag(saslCall))
	head = protowire.AppendBytes(protowire.AppendTag(head, 4, protowire.BytesType), nil) // of no client yet
	head = varint(head, 5, protowire.EncodeZigZag(-1))                                   // no repetition
	body := varint(nil, 2, m.state)
	if m.token != nil {
		body = protowire.AppendBytes(protowire.AppendTag(body, 3, protowire.BytesType), m.token)
	}
	if m.way != nil {
		body = protowire.AppendBytes(protowire.AppendTag(body, 4, protowire.BytesType), m.way)
	}
	b := protowire.AppendBytes(protowire.AppendBytes(make([]byte, 4), head), body)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// readSasl reads an answer in the state that is due; one that says no is an error.
func readSasl(from io.Reader, due uint64) (m saslMessage, err error) {
	b, err := readAnswer(from)
	if err != nil {
		return m, err
	}
	head, l := protowire.ConsumeBytes(b)
	if l < 0 {
		return m, errBroken
	}
	var call int32
	status, text := uint64(0), ""
	sound := eachField(head, func(n protowire.Number, v uint64, b []byte) {
		switch {
		case n == 1 && b == nil:
			call = int32(v)
		case n == 2 && b == nil:
			status = v
		case n == 5 && b != nil:
			text, _, _ = strings.Cut(string(b), "\n")
		}
	})
	text = text[:min(len(text), 1000)] // which a NameNode keeps to, and who says more is none
	if sound && status != 0 {
		return m, fmt.Errorf("it says %q", text)
	}
	body, bodyLen := protowire.ConsumeBytes(b[l:])
	if !sound || call != saslCall || bodyLen < 0 {
		return m, errBroken
	}
	sound = eachField(body, func(n protowire.Number, v uint64, b []byte) {
		switch {
		case n == 2 && b == nil:
			m.state = v
		case n == 3 && b != nil:
			m.token = b
		case n == 4 && b != nil && string(field(b, 1)) == "TOKEN":
			m.way = b
		}
	})
	if !sound || m.state != due {
		return m, errBroken
	}
	return m, nil
}

// readAnswer reads a packet, whose length stands before it. Memory is taken as bytes come.
func readAnswer(from io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return nil, unexpected(err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxPacket {
		return nil, fmt.Errorf("an answer of %d bytes: %w", n, errBroken)
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, from, int64(n)); err != nil {
		return nil, unexpected(err)
	}
	return b.Bytes(), nil
}

// wrapper writes sealed bytes in messages.
type wrapper struct {
	to   io.Writer
	seal *seal
}

func (w *wrapper) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), sealedAtOnce)]
		if _, err := w.to.Write(saslMessage{state: saslWrap, token: w.seal.appendTo(nil, part)}.encode()); err != nil {
			return n, err
		}
		n, p = n+len(part), p[len(part):]
	}
	return n, nil
}

// unwrapper reads them.
type unwrapper struct {
	from io.Reader
	seal *seal
	rest []byte
}

func (u *unwrapper) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(u.rest) == 0 {
		m, err := readSasl(u.from, saslWrap)
		if err != nil {
			return 0, err
		}
		if u.rest, err = u.seal.open(m.token); err != nil {
			return 0, err
		}
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}
