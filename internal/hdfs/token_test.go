package hdfs

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"google.golang.org/protobuf/encoding/protowire"
)

// vint is a length as WritableUtils.writeVInt writes it.
func vint(n int) []byte {
	if n < 128 {
		return []byte{byte(n)}
	}
	if n < 256 {
		return []byte{0x8f, byte(n)} // -113
	}
	return []byte{0x8e, byte(n >> 8), byte(n)} // -114
}

func part(s string) []byte { return append(vint(len(s)), s...) }

// identifierOf is a token's identifier: version, owner, and what is not read.
func identifierOf(owner string) string { return "\x00" + string(part(owner)) + "\x04yarn\x00\x8a\x01" }

// credentialsFile has an odd token, one of another kind, and those for services, as either version.
func credentialsFile(version byte, services ...string) []byte {
	type token struct{ identifier, kind, service string }
	tokens := []token{{"?", "mapreduce.job", "job_1"}}
	for i, s := range services {
		tokens = append(tokens, token{identifierOf(fmt.Sprintf("alice%d@A.TEST", i)), tokenKind, s})
	}
	if version == 1 {
		var all []byte
		for _, t := range tokens {
			one := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), t.identifier)
			one = protowire.AppendString(protowire.AppendTag(one, 2, protowire.BytesType), "password")
			one = protowire.AppendString(protowire.AppendTag(one, 3, protowire.BytesType), t.kind)
			one = protowire.AppendString(protowire.AppendTag(one, 4, protowire.BytesType), t.service)
			pair := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "alias")
			pair = protowire.AppendBytes(protowire.AppendTag(pair, 2, protowire.BytesType), one)
			all = protowire.AppendBytes(protowire.AppendTag(all, 1, protowire.BytesType), pair)
		}
		return protowire.AppendBytes([]byte("HDTS\x01"), all)
	}
	b := append([]byte("HDTS\x00"), vint(len(tokens))...)
	for _, t := range tokens {
		for _, s := range []string{strings.Repeat("alias", 100), t.identifier, "password", t.kind, t.service} {
			b = append(b, part(s)...)
		}
	}
	return append(b, 0) // no secrets
}

// withTokens has a file of tokens used.
func withTokens(t *testing.T, content []byte) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "container_tokens")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(tokenFile, name)
}

func TestTokenFor(t *testing.T) {
	conf(t, property("fs.defaultFS", "hdfs://big")+property("dfs.ha.namenodes.big", "a")+property("dfs.namenode.rpc-address.big.a", "one:8020"), "")
	c, err := configuration()
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []byte{0, 1} {
		withTokens(t, credentialsFile(version, "ha-hdfs:big", "127.0.0.1:9000", "Host.test:8020"))
		for _, x := range []struct{ authority, address, owner string }{
			{"big", "one:8020", "alice0@A.TEST"}, {"", "one:8020", "alice0@A.TEST"}, {"127.0.0.1:9000", "127.0.0.1:9000", "alice1@A.TEST"},
			{"localhost:9000", "localhost:9000", "alice1@A.TEST"}, {"host.test", "host.test:8020", "alice2@A.TEST"}, {"127.0.0.1", "127.0.0.1:8020", ""},
		} {
			token, err := tokenFor(x.authority, []string{x.address}, c)
			if err != nil || (token == nil) != (x.owner == "") || token != nil && (token.owner != x.owner || string(token.password) != "password") {
				t.Errorf("version %d, %q: %v %v", version, x.authority, token, err)
			}
		}
	}
	for _, damaged := range []string{"", "HDTS", "HDTX\x00\x00", "HDTS\x02\x00", "HDTS\x00\x05", "HDTS\x00\x90\x00", string(credentialsFile(0, "a")[:900]), string(credentialsFile(1, "a")[:90])} {
		withTokens(t, []byte(damaged))
		if _, err := tokenFor("big", []string{"one:8020"}, c); !errors.Is(err, ErrToken) || !strings.Contains(err.Error(), tokenFile) {
			t.Errorf("%q: %v", damaged, err)
		}
	}
	t.Setenv(tokenFile, filepath.Join(t.TempDir(), "none"))
	if _, err := tokenFor("big", []string{"one:8020"}, c); !errors.Is(err, ErrToken) || !errors.Is(err, errNoFile) {
		t.Error(err)
	}
	withTokens(t, credentialsFile(0, "ha-hdfs:big"))
	t.Setenv(tokenFile, filepath.Join(t.TempDir(), "none")+", "+os.Getenv(tokenFile)) // Hadoop takes a list
	if token, err := tokenFor("big", []string{"one:8020"}, c); token == nil || err != nil {
		t.Error(token, err)
	}
	t.Setenv(tokenFile, "")
	if token, err := tokenFor("big", []string{"one:8020"}, c); token != nil || err != nil {
		t.Error(token, err)
	}
}

// TestNoTokenFile: a variable that is left over from a job that ended changes nothing for who has a ticket, or needs none; who has none either is told of both.
func TestNoTokenFile(t *testing.T) {
	t.Setenv(tokenFile, filepath.Join(t.TempDir(), "container_tokens"))
	for _, x := range []struct {
		security, cache string
		err             error
	}{{"simple", "", ErrUnreachable}, {"kerberos", "has a ticket", ErrKDC}, {"kerberos", "", ErrToken}} {
		conf(t, property("hadoop.security.authentication", x.security), property("dfs.namenode.kerberos.principal", "nn/_HOST@A.TEST"))
		ticketCache(t)
		if x.cache == "" {
			t.Setenv("KRB5CCNAME", "FILE:"+filepath.Join(t.TempDir(), "none"))
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		first := negotiation(t, `realm="r",nonce="n",qop="auth"`)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				if x.security == "kerberos" {
					c.Write(first)
				}
				io.ReadFull(c, make([]byte, 8))
				c.Close()
			}
		}()
		_, _, err = (&Cluster{}).System("hdfs://" + l.Addr().String() + "/x")
		l.Close()
		if !errors.Is(err, x.err) || errors.Is(err, ErrToken) != (x.err == ErrToken) {
			t.Errorf("%s, %q: %v", x.security, x.cache, err)
		}
		if x.err == ErrToken && (!errors.Is(err, ErrNoTicket) || !strings.Contains(err.Error(), "container_tokens")) {
			t.Error(err)
		}
	}
}

// tokenServer is the NameNode's part of a login by token, written with the library's own messages. It reads what is said afterwards, a packet at a
// time, and says it again.
func tokenServer(t *testing.T, c net.Conn, challenge string) { tokenServerThen(t, c, challenge, "") }

// tokenServerThen is a tokenServer that says something, unasked, after the login.
func tokenServerThen(t *testing.T, c net.Conn, challenge, then string) {
	defer c.Close()
	say := func(state string, more string) {
		c.Write(packet(messageOf(t, "hadoop.common.RpcResponseHeaderProto", "callId: 4294967263 status: SUCCESS"), messageOf(t, "hadoop.common.RpcSaslProto", "state: "+state+" "+more)))
	}
	head := make([]byte, 7)
	if _, err := io.ReadFull(c, head); err != nil || string(head) != "hrpc\x09\x00\xdf" {
		t.Errorf("the greeting %q %v", head, err)
		return
	}
	if parts, err := readPacket(c); err != nil || len(parts) != 2 {
		t.Error(parts, err)
		return
	}
	c.Write(negotiation(t, challenge))
	parts, err := readPacket(c)
	if err != nil {
		return // the client does not like it
	}
	var response, way []byte
	eachField(parts[1], func(n protowire.Number, _ uint64, b []byte) {
		switch n {
		case 3:
			response = b
		case 4:
			way = b
		}
	})
	said := map[string]string{}
	for rest := string(response); rest != ""; {
		var key, value string
		key, value, rest = directive(rest)
		said[key] = value
	}
	d := &digest{user: base64.StdEncoding.EncodeToString([]byte(identifierOf("alice0@A.TEST"))), password: base64.StdEncoding.EncodeToString([]byte("password")),
		realm: said["realm"], nonce: "n", cnonce: said["cnonce"], qop: said["qop"], uri: "/default"}
	if said["username"] != d.user || said["digest-uri"] != d.uri || said["response"] != d.response("AUTHENTICATE:") || string(field(way, 1)) != "TOKEN" || field(way, 5) != nil {
		t.Errorf("the response is %q, the way %q", response, way)
		return
	}
	say("SUCCESS", fmt.Sprintf("token: %q", "rspauth="+d.response(":")))
	if then != "" {
		c.Write([]byte(then))
	}
	receive, send := d.seals()
	for {
		parts, err := readPacket(c)
		if err != nil {
			return
		}
		if d.qop == "auth" {
			c.Write(packet(parts...))
			continue
		}
		plain, err := receive.open(field(parts[1], 3))
		if err != nil {
			t.Error(err)
			return
		}
		say("WRAP", fmt.Sprintf("token: %q", send.appendTo(nil, plain)))
	}
}

// TestTokenLogin: a task says and hears what the library does, protected as was agreed on.
func TestTokenLogin(t *testing.T) {
	for _, x := range []struct{ setting, challenge, refused string }{
		{"", `realm="default",nonce="n",qop="auth",charset=utf-8,algorithm=md5-sess`, ""},
		{"integrity", `realm="default",nonce="n",qop="auth-int"`, ""},
		{"privacy", `realm="default",nonce="n",qop="auth-conf",cipher="3des,rc4"`, ""},
		{"authentication", `realm="default",nonce="n",qop="auth-conf",cipher="rc4"`, ""}, // more is taken
		{"privacy", `realm="default",nonce="n",qop="auth,auth-int"`, "hadoop.rpc.protection"},
		{"privacy", `realm="default",nonce="n",qop="auth-conf",cipher="des"`, "128 bits"},
		{"nonsense", `realm="default",nonce="n",qop="auth-conf",cipher="rc4"`, "hadoop.rpc.protection"},
		{"", `realm="default"`, errBroken.Error()},
		{"", "", "takes no tokens"},
	} {
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() { tokenServer(t, theirs, x.challenge); close(done) }()
		tokens, _ := parseCredentials(credentialsFile(0, "s"))
		c := &tokened{Conn: ours, others: &refusals{}, token: &tokens[0], allowed: atLeast(protections(x.setting))}
		_, err := c.Write([]byte("hrpc\x09\x00\x00"))
		if x.refused != "" {
			if err == nil || !errors.Is(err, ErrToken) || !strings.Contains(err.Error(), x.refused) {
				t.Errorf("%s, %s: %v", x.setting, x.challenge, err)
			}
			<-done
			continue
		}
		if err != nil {
			t.Errorf("%s, %s: %v", x.setting, x.challenge, err)
			<-done
			continue
		}
		want := append(packet([]byte("context")), packet(bytes.Repeat([]byte("question"), 10000))...)
		go func() {
			c.Write(want[:12])
			c.Write(want[12:])
		}()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(iotest.HalfReader(c), got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s, %s: it says %d bytes and hears %v", x.setting, x.challenge, len(want), err)
		}
		c.Close()
		<-done
	}
}

// TestTokenAnswers: what follows a login is no more trusted with memory than the login, and a connection that said something odd is not used again.
func TestTokenAnswers(t *testing.T) {
	for _, x := range []struct{ qop, says string }{
		{"auth", "\xff\xff\xff\xff"}, {"auth", "\x00\x00\x00\x01\x01"},
		{"auth-int", string(packet(messageOf(t, "hadoop.common.RpcResponseHeaderProto", "callId: 4294967263 status: SUCCESS"), messageOf(t, "hadoop.common.RpcSaslProto", `state: WRAP token: "not sealed at all"`)))},
	} {
		ours, theirs := net.Pipe()
		c := &tokened{Conn: ours, others: &refusals{}, token: &delegation{identifier: []byte(identifierOf("alice0@A.TEST")), password: []byte("password")}, allowed: protections("")}
		done := make(chan struct{})
		go func() { tokenServerThen(t, theirs, `realm="default",nonce="n",qop="`+x.qop+`"`, x.says); close(done) }()
		if _, err := c.Write([]byte("hrpc\x09\x00\x00")); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 100)); n != 0 || !errors.Is(err, errBroken) && !errors.Is(err, errSeal) {
			t.Errorf("%s, %q: %d bytes, %v", x.qop, x.says, n, err)
		}
		if _, err := c.Write([]byte("question")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s, %q: another question: %v", x.qop, x.says, err)
		}
		<-done
	}
}

// TestTokenRefused: what a NameNode says of a token is told.
func TestTokenRefused(t *testing.T) {
	conf(t, property("hadoop.security.authentication", "kerberos"), property("dfs.namenode.kerberos.principal", "nn/_HOST@A.TEST"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	first := negotiation(t, `realm="default",nonce="n",qop="auth"`)
	no := packet(messageOf(t, "hadoop.common.RpcResponseHeaderProto", `callId: 4294967263 status: FATAL exceptionClassName: "org.apache.hadoop.security.token.SecretManager$InvalidToken" errorMsg: "token is expired\n\tat x"`))
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Write(first)
			c.Write(no)
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	withTokens(t, credentialsFile(0, l.Addr().String()))
	_, _, err = (&Cluster{}).System("hdfs://" + l.Addr().String() + "/x")
	if !errors.Is(err, ErrToken) || !strings.HasSuffix(err.Error(), `, which is alice0@A.TEST's: it says "token is expired" (at `+l.Addr().String()+")") {
		t.Error(err)
	}

	// The library tells what the last of a name service said only.
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down.Close()
	conf(t, "", property("dfs.ha.namenodes.big", "a,b")+property("dfs.namenode.rpc-address.big.a", l.Addr().String())+property("dfs.namenode.rpc-address.big.b", down.Addr().String()))
	withTokens(t, credentialsFile(0, "ha-hdfs:big"))
	_, _, err = (&Cluster{}).System("hdfs://big/x")
	if !errors.Is(err, ErrToken) || !strings.Contains(err.Error(), l.Addr().String()+`: it says "token is expired"; `+down.Addr().String()+": dial") {
		t.Error(err)
	}
}

// TestRefusedAfterLogin: who is known, and may not ask, is not told to log in.
func TestRefusedAfterLogin(t *testing.T) {
	conf(t, "", "")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	no := string(packet(messageOf(t, "hadoop.common.RpcResponseHeaderProto", `callId: 4294967293 status: FATAL exceptionClassName: "org.apache.hadoop.security.authorize.AuthorizationException" errorMsg: "not for alice"`)))
	go func() {
		if c, err := l.Accept(); err == nil {
			tokenServerThen(t, c, `realm="default",nonce="n",qop="auth"`, no)
		}
	}()
	withTokens(t, credentialsFile(0, l.Addr().String()))
	_, _, err = (&Cluster{}).System("hdfs://" + l.Addr().String() + "/x")
	if err == nil || errors.Is(err, ErrKerberos) || errors.Is(err, ErrSimple) || !strings.Contains(err.Error(), "refuses the connection after the login") {
		t.Error(err)
	}
}

// FuzzCredentials: no file of tokens, and no answer to a login, is too odd.
func FuzzCredentials(f *testing.F) {
	f.Add(credentialsFile(0, "a", "b"))
	f.Add(credentialsFile(1, "a", "b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if tokens, ok := parseCredentials(b); !ok && bytes.HasPrefix(b, []byte("HDTS\x00\x00")) {
			t.Errorf("%q", tokens)
		}
		if m, err := readSasl(bytes.NewReader(b), saslWrap); err == nil && m.state != saslWrap {
			t.Error(m)
		}
	})
}
