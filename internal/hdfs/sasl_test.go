package hdfs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// The example of RFC 2831, section 4.
func TestDigest(t *testing.T) {
	d, err := newDigest(`realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8`, []string{"auth-conf", "auth"}, "")
	if err != nil {
		t.Fatal(err)
	}
	d.user, d.password, d.cnonce, d.uri = "chris", "secret", "OA6MHXh6VqTrRk", "imap/elwood.innosoft.com"
	if a := d.answer(); !strings.Contains(a, "response=d388dad90d4bbd760a152321f2143af7,") {
		t.Errorf("the answer is %s", a)
	}
	if err := d.check("rspauth=ea40f60335c427b5527b84dbabcdfffd"); err != nil {
		t.Error(err)
	}
	for _, said := range []string{"", "rspauth=", "rspauth=ea40f60335c427b5527b84dbabcdfffe"} {
		if d.check(said) == nil {
			t.Errorf("%q is taken", said)
		}
	}
}

func TestChallenge(t *testing.T) {
	for _, x := range []struct{ challenge, setting, qop, says string }{
		{`nonce="x",qop="auth,auth-int,auth-conf",cipher="3des,rc4"`, "", "auth-conf", ""},
		{`nonce="x",qop="auth,auth-int,auth-conf",cipher="3des,rc4"`, "authentication, Integrity", "auth-int", ""},
		{`realm="0" , nonce="x"`, "authentication", "auth", ""},
		{`nonce="x",qop="auth"`, "privacy", "", "allows auth-conf"},
		{`nonce="x",qop="auth-conf",cipher="3des"`, "privacy", "", "offers the ciphers 3des"},
		{`nonce="x",qop="auth-conf",cipher="des,rc4-56,rc4-40"`, "privacy", "", "with keys of 128 bits"},
		{`nonce="x",qop="auth`, "", "", "cannot be read"},
		{`qop="auth"`, "", "", "cannot be read"},
		{`hello`, "", "", "cannot be read"},
		{"", "", "", "cannot be read"},
	} {
		d, err := newDigest(x.challenge, protections(x.setting), "dfs.data.transfer.protection")
		if (err == nil) != (x.says == "") || err != nil && !strings.Contains(err.Error(), x.says) || err == nil && d.qop != x.qop {
			t.Errorf("%s, %q: %+v %v", x.challenge, x.setting, d, err)
		}
	}
}

// sealed are both ends of a direction.
func sealed(qop string) (*seal, *seal) {
	one := &digest{user: "u", password: "p", nonce: "n", cnonce: "c", qop: qop}
	out, _ := one.seals()
	in, _ := one.seals()
	return out, in
}

// TestSeals: what is written is read, whatever parts it is read in, and nothing else is.
func TestSeals(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789"), 15000) // several messages
	for _, qop := range []string{"auth-int", "auth-conf"} {
		out, _ := sealed(qop)
		var wire bytes.Buffer
		w := &sealer{to: &wire, seal: out}
		for _, part := range [][]byte{text[:1], text[1:3], text[3:]} {
			if n, err := w.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		if clear := bytes.Contains(wire.Bytes(), []byte("0123456789")); clear != (qop == "auth-int") {
			t.Errorf("%s: in clear: %v", qop, clear)
		}
		for name, read := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader} {
			_, in := sealed(qop)
			got, err := io.ReadAll(read(&unsealer{from: read(bytes.NewReader(wire.Bytes())), seal: in}))
			if err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s, %s: %d bytes, %v", qop, name, len(got), err)
			}
		}
		for at := range 60 { // any bit of the first messages and their lengths
			_, in := sealed(qop)
			bad := slices.Clone(wire.Bytes())
			bad[at] ^= 0x10
			if got, err := io.ReadAll(&unsealer{from: bytes.NewReader(bad), seal: in}); err == nil || len(got) > 3 {
				t.Errorf("%s: byte %d changed: %d bytes are read, %v", qop, at, len(got), err)
			}
		}
	}
}

// FuzzHandshake: nothing that a DataNode may say does harm.
func FuzzHandshake(f *testing.F) {
	f.Add(slices.Concat(message{payload: []byte(`realm="0",nonce="x",qop="auth-conf",cipher="rc4"`)}.encode(), message{payload: []byte("rspauth=0")}.encode()))
	f.Add(message{payload: []byte(`nonce="x"`), wantAES: true}.encode())
	f.Fuzz(func(t *testing.T, said []byte) {
		ours, theirs := net.Pipe()
		go func() {
			go io.Copy(io.Discard, theirs)
			theirs.Write(said)
			theirs.Close()
		}()
		c := &saslConn{Conn: ours, allowed: protections("")}
		if _, err := c.Write(request("id", "password")); err == nil {
			t.Error("we are let in by who does not know the password")
		}
	})
}

// request is one of a client to a DataNode, as far as the handshake looks at it.
func request(identifier, password string) []byte {
	wrap := func(n protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), b)
	}
	token := slices.Concat(wrap(1, []byte(identifier)), wrap(2, []byte(password)), wrap(3, []byte("HDFS_BLOCK_TOKEN")))
	base := slices.Concat(wrap(1, []byte("block")), wrap(2, token))
	op := slices.Concat(wrap(1, slices.Concat(wrap(1, base), wrap(2, []byte("client")))), protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 7))
	return slices.Concat([]byte{0, 0x1c, 0x51}, protowire.AppendBytes(nil, op))
}

// TestHandshake: with a DataNode that follows the protocol, every message of which comes byte by byte. What the real one does,
// with AES too, is tested on a cluster (test/cluster).
func TestHandshake(t *testing.T) {
	for _, qop := range []string{"auth", "auth-int", "auth-conf"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		asked := request("\x00identifier", "\xffpassword")
		done := make(chan error, 1)
		go func() { done <- dataNode(listener, qop, len(asked)) }()
		dial := secureDial((&net.Dialer{}).DialContext, protections(""))
		c, err := dial(context.Background(), "tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(asked); err != nil {
			t.Fatalf("%s: %v", qop, err)
		}
		got := make([]byte, len(asked))
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, asked) {
			t.Errorf("%s: %q %v", qop, got, err)
		}
		if err := <-done; err != nil {
			t.Errorf("%s: the DataNode says: %v", qop, err)
		}
		c.Close()
		listener.Close()
	}
}

// privileged is a connection to a port at which only root can listen.
type privileged struct{ net.Conn }

func (privileged) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1004} }

// TestPrivileged: a privileged port is trusted only by a configuration that asks for no more than to know who is there.
func TestPrivileged(t *testing.T) {
	for setting, trusted := range map[string]bool{"": true, "authentication": true, "privacy, authentication": true, "integrity": false, "privacy": false, "nonsense": false} {
		ours, theirs := net.Pipe()
		dial := secureDial(func(context.Context, string, string) (net.Conn, error) { return privileged{ours}, nil }, protections(setting))
		c, err := dial(t.Context(), "tcp", "")
		if err != nil {
			t.Fatal(err)
		}
		asked := request("id", "password")
		first := make(chan []byte, 1)
		go func() {
			b := make([]byte, 4)
			io.ReadFull(theirs, b)
			first <- b
			go io.Copy(io.Discard, theirs)
			time.Sleep(10 * time.Millisecond)
			theirs.Close() // as a DataNode does that wants no handshake
		}()
		_, err = c.Write(asked)
		if b := <-first; bytes.Equal(b, asked[:4]) != trusted {
			t.Errorf("%q: what is sent begins with %x, %v", setting, b, err)
		}
		if !trusted && (err == nil || !strings.Contains(err.Error(), "dfs.data.transfer.protection")) {
			t.Errorf("%q: %v", setting, err)
		}
	}
}

// dataNode lets a client in, reads n bytes, and sends them back, a byte in each message.
func dataNode(l net.Listener, qop string, n int) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	magic := make([]byte, 4)
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != "\xde\xad\xbe\xef" {
		return errors.New("no magic number")
	}
	if _, err := readMessage(in); err != nil {
		return err
	}
	conn.Write(message{payload: []byte(`realm="0",nonce="x y",charset=utf-8,cipher="3des,rc4",qop="` + qop + `",algorithm=md5-sess`)}.encode())
	m, err := readMessage(in)
	if err != nil {
		return err
	}
	said := map[string]string{}
	for rest := string(m.payload); rest != ""; {
		var key, value string
		key, value, rest = directive(rest)
		said[key] = value
	}
	d := &digest{user: base64.StdEncoding.EncodeToString([]byte("\x00identifier")), password: base64.StdEncoding.EncodeToString([]byte("\xffpassword")),
		realm: "0", nonce: "x y", cnonce: said["cnonce"], qop: said["qop"], uri: "hdfs/0"}
	if said["username"] != d.user || said["response"] != d.response("AUTHENTICATE:") || said["qop"] != qop {
		return errors.New("who is this? " + string(m.payload))
	}
	conn.Write(message{payload: []byte("rspauth=" + d.response(":"))}.encode())
	var r io.Reader = in
	var w io.Writer = conn
	if qop != "auth" {
		theirs, ours := d.seals()
		r, w = &unsealer{from: in, seal: theirs}, &sealer{to: conn, seal: ours}
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	for i := range b {
		if _, err := w.Write(b[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}
