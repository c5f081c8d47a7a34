package hdfs

import (
	"bufio"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// How a DataNode of a secured cluster is spoken to (dfs.data.transfer.protection), and why that is not left to the client
// library: its own handshake loses bytes when a message comes in several parts, as those of today's DataNodes do under
// integrity and privacy (Read of digestMD5IntegrityConn in v2.4.0, and on its main branch in 2026).
//
//	client   DEADBEEF, message                         the client begins
//	server   message (challenge)                       DIGEST-MD5 (RFC 2831); realm, nonce, protections on offer
//	client   message (response [, AES wanted])         the block's token is user and password
//	server   message (rspauth [, AES keys])            the server knows the token too
//	both     the bytes, signed, encrypted, or as they are
//
// A message is a DataTransferEncryptorMessageProto after its length as a varint.

const (
	handshakeTimeout = 60 * time.Second // dfs.client.socket-timeout
	maxMessage       = 64 << 10         // of a handshake; real ones have some hundred bytes
	unprivileged     = 1024             // at ports below, only root can listen, and Hadoop trusts them
)

// saslConn is a connection to a DataNode with a handshake before the first request, which has the token to be known by.
type saslConn struct {
	net.Conn
	allowed    []string // protections that may be agreed on, as DIGEST-MD5 names them; the strongest on offer is taken
	privileged bool     // the port
	in         io.Reader
	out        io.Writer
}

// dialer connects, as net.Dialer does.
type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// secureDial makes connections whose DataNodes want to know who asks. At a privileged port they do not, and nothing protects the
// bytes there: that is taken only where the configuration asks for no protection, or for authentication among others.
func secureDial(dial dialer, allowed []string) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		a, ok := c.RemoteAddr().(*net.TCPAddr)
		trusted := ok && a.Port < unprivileged
		if trusted && slices.Contains(allowed, "auth") {
			return c, nil
		}
		return &saslConn{Conn: c, allowed: allowed, privileged: trusted}, nil
	}
}

// protections are the values of dfs.data.transfer.protection as DIGEST-MD5 names them, the strongest first.
func protections(setting string) []string {
	var out []string
	for _, p := range []struct{ hadoop, sasl string }{{"privacy", "auth-conf"}, {"integrity", "auth-int"}, {"authentication", "auth"}} {
		if setting == "" || slices.ContainsFunc(strings.Split(setting, ","), func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), p.hadoop) }) {
			out = append(out, p.sasl)
		}
	}
	return out
}

func (c *saslConn) Write(p []byte) (int, error) {
	if c.out == nil {
		if err := c.handshake(p); err != nil {
			c.Close()
			if c.privileged {
				err = fmt.Errorf("%w (DataNodes at ports below %d know no handshake as a rule; the configuration, dfs.data.transfer.protection, asks for what only a handshake gives)", err, unprivileged)
			}
			return 0, fmt.Errorf("the DataNode %s does not let us in: %w", c.RemoteAddr(), err)
		}
	}
	return c.out.Write(p)
}

func (c *saslConn) Read(p []byte) (int, error) {
	if c.in == nil {
		return 0, errors.New("BUG: a DataNode is listened to before it is asked")
	}
	return c.in.Read(p)
}

// handshake makes in and out.
func (c *saslConn) handshake(request []byte) error {
	user, password, err := blockToken(request)
	if err != nil {
		return err
	}
	c.SetDeadline(time.Now().Add(handshakeTimeout))
	defer c.SetDeadline(time.Time{})
	if _, err := c.Conn.Write(append([]byte{0xDE, 0xAD, 0xBE, 0xEF}, message{}.encode()...)); err != nil {
		return err
	}
	in := bufio.NewReader(c.Conn)
	m, err := readMessage(in)
	if err != nil {
		return err
	}
	d, err := newDigest(string(m.payload), c.allowed, "dfs.data.transfer.protection")
	if err != nil {
		return err
	}
	d.user = base64.StdEncoding.EncodeToString(user)
	d.password = base64.StdEncoding.EncodeToString(password)
	nonce := make([]byte, 16)
	rand.Read(nonce) // never fails
	d.cnonce = base64.StdEncoding.EncodeToString(nonce)
	answer := message{payload: []byte(d.answer()), wantAES: d.qop == "auth-conf"}
	if _, err := c.Conn.Write(answer.encode()); err != nil {
		return err
	}
	if m, err = readMessage(in); err != nil {
		return err
	}
	if err := d.check(string(m.payload)); err != nil {
		return err
	}
	if d.qop == "auth" {
		c.in, c.out = in, c.Conn
		return nil
	}
	out, unseal := d.seals()
	c.in, c.out = &unsealer{from: in, seal: unseal}, &sealer{to: c.Conn, seal: out}
	if m.aes != nil {
		return c.useAES(in, m.aes, unseal)
	}
	return nil
}

// useAES encrypts by AES from now on, with the keys that the server sent sealed.
func (c *saslConn) useAES(in io.Reader, k *aesKeys, unseal *seal) error {
	var streams [2]cipher.Stream
	for i, x := range []struct{ key, iv []byte }{{k.inKey, k.inIV}, {k.outKey, k.outIV}} {
		key, err := unseal.open(x.key)
		if err != nil {
			return err
		}
		block, err := aes.NewCipher(slices.Clone(key))
		if err != nil {
			return err
		}
		if len(x.iv) != block.BlockSize() {
			return errBroken
		}
		streams[i] = cipher.NewCTR(block, x.iv)
	}
	c.out, c.in = cipher.StreamWriter{S: streams[0], W: c.Conn}, cipher.StreamReader{S: streams[1], R: in}
	return nil
}

var errBroken = errors.New("its answer cannot be read")

// blockToken finds the identifier and the password of the token in a request to a DataNode: version, operation, and a message
// whose first field is a ClientOperationHeaderProto.
func blockToken(request []byte) (identifier, password []byte, err error) {
	errNone := errors.New("BUG: the request has no token")
	if len(request) < 4 {
		return nil, nil, errNone
	}
	m, n := protowire.ConsumeBytes(request[3:])
	if n < 0 {
		return nil, nil, errNone
	}
	for _, number := range []protowire.Number{1, 1, 2} { // header, its baseHeader, the token
		if m = field(m, number); m == nil {
			return nil, nil, errNone
		}
	}
	return field(m, 1), field(m, 2), nil
}

// field is the value of the last field with a number whose value is bytes; nil if there is none.
func field(m []byte, number protowire.Number) (value []byte) {
	eachField(m, func(n protowire.Number, _ uint64, b []byte) {
		if n == number && b != nil {
			value = b
		}
	})
	return value
}

// eachField calls f with every field: a number, or bytes that are not nil. It reports whether the message is sound.
func eachField(m []byte, f func(n protowire.Number, number uint64, b []byte)) bool {
	for len(m) > 0 {
		n, kind, l := protowire.ConsumeTag(m)
		if l < 0 {
			return false
		}
		m = m[l:]
		switch kind {
		case protowire.BytesType:
			b, l := protowire.ConsumeBytes(m)
			if l < 0 {
				return false
			}
			f(n, 0, append([]byte{}, b...))
			m = m[l:]
		case protowire.VarintType:
			v, l := protowire.ConsumeVarint(m)
			if l < 0 {
				return false
			}
			f(n, v, nil)
			m = m[l:]
		default:
			l := protowire.ConsumeFieldValue(n, kind, m)
			if l < 0 {
				return false
			}
			m = m[l:]
		}
	}
	return true
}

// message is a DataTransferEncryptorMessageProto.
type message struct {
	payload []byte
	wantAES bool     // of a client
	aes     *aesKeys // of a server that agrees
}

type aesKeys struct{ inKey, inIV, outKey, outIV []byte }

const aesCTR = 2 // CipherSuiteProto.AES_CTR_NOPADDING

func (m message) encode() []byte {
	b := protowire.AppendTag(nil, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, 0) // SUCCESS
	if m.payload != nil {
		b = protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), m.payload)
	}
	if m.wantAES {
		suite := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), aesCTR)
		b = protowire.AppendBytes(protowire.AppendTag(b, 4, protowire.BytesType), suite)
	}
	return protowire.AppendBytes(nil, b)
}

// readMessage reads a message of the server; one that says no is an error.
func readMessage(in *bufio.Reader) (m message, err error) {
	b, err := readFrame(in)
	if err != nil {
		return m, err
	}
	return parseMessage(b)
}

// readFrame reads the bytes of a message.
func readFrame(in *bufio.Reader) ([]byte, error) {
	n, err := binary.ReadUvarint(in)
	if err == nil && n > maxMessage {
		err = errBroken
	}
	if err != nil {
		return nil, unexpected(err)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(in, b); err != nil {
		return nil, unexpected(err)
	}
	return b, nil
}

func parseMessage(b []byte) (m message, err error) {
	status, text := uint64(0), ""
	sound := eachField(b, func(n protowire.Number, number uint64, b []byte) {
		switch {
		case n == 1 && b == nil:
			status = number
		case n == 2 && b != nil:
			m.payload = b
		case n == 3 && b != nil:
			text = string(b)
		case n == 4 && b != nil && m.aes == nil: // the first, as the library does
			m.aes = &aesKeys{field(b, 2), field(b, 3), field(b, 4), field(b, 5)}
		}
	})
	if !sound {
		return m, errBroken
	}
	if status != 0 {
		return m, fmt.Errorf("it says %q", text)
	}
	return m, nil
}

// unexpected is an error of reading where there had to be more.
func unexpected(err error) error {
	if err == io.EOF {
		return errors.New("it hangs up")
	}
	return err
}
