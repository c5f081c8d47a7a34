package hdfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// ticketCache writes a credential cache with a ticket for tickets, worth nothing to a KDC, and has it used.
func ticketCache(t *testing.T) {
	t.Helper()
	ticket, err := (&messages.Ticket{TktVNO: 5, Realm: "A.TEST", SName: types.NewPrincipalName(2, "krbtgt/A.TEST"), EncPart: types.EncryptedData{EType: 18, Cipher: []byte("x")}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			if text, ok := v.(string); ok {
				binary.Write(&b, binary.BigEndian, uint32(len(text)))
				b.WriteString(text)
			} else {
				binary.Write(&b, binary.BigEndian, v)
			}
		}
	}
	now := uint32(time.Now().Unix())
	put(uint16(0x0504), uint16(0), uint32(1), uint32(1), "A.TEST", "alice") // version, header, whose
	put(uint32(1), uint32(1), "A.TEST", "alice", uint32(2), uint32(2), "A.TEST", "krbtgt", "A.TEST")
	put(uint16(18), strings.Repeat("k", 32), now, now, now+3600, now, uint8(0), uint32(0), uint32(0), uint32(0), string(ticket), "")
	dir := t.TempDir()
	for name, content := range map[string][]byte{"cache": b.Bytes(), "krb5.conf": []byte("[libdefaults]\n default_realm = A.TEST\n udp_preference_limit = 1\n[realms]\n A.TEST = {\n  kdc = 127.0.0.1:1\n }\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("KRB5CCNAME", "FILE:"+filepath.Join(dir, "cache"))
	t.Setenv("KRB5_CONFIG", filepath.Join(dir, "krb5.conf"))
}

// negotiation is what a NameNode answers first, with a challenge for tokens.
func negotiation(t *testing.T, challenge string) []byte {
	token := ""
	if challenge != "" {
		token = fmt.Sprintf(`auths { method: "TOKEN" mechanism: "DIGEST-MD5" protocol: "" serverId: "default" challenge: %q }`, challenge)
	}
	return packet(messageOf(t, "hadoop.common.RpcResponseHeaderProto", "callId: 4294967263 status: SUCCESS"),
		messageOf(t, "hadoop.common.RpcSaslProto", `state: NEGOTIATE auths { method: "KERBEROS" mechanism: "GSSAPI" protocol: "nn" serverId: "localhost" } `+token))
}

// TestRPCProtection: a NameNode, or who stands between, that offers less than the configuration asks for is not spoken to.
func TestRPCProtection(t *testing.T) {
	ticketCache(t)
	for _, x := range []struct {
		setting, challenge string
		refused            bool
	}{
		{"", `realm="r",nonce="n",qop="auth"`, false},
		{"", "", false},
		{"authentication", `realm="r",nonce="n",qop="auth-conf"`, false},
		{"privacy,authentication", `realm="r",nonce="n",qop="auth"`, false},
		{"integrity", `realm="r",nonce="n",qop="auth,auth-conf"`, false},
		{"Integrity, privacy", `realm="r",nonce="n",qop="auth"`, true},
		{"integrity", `realm="r",nonce="n",qop="auth-conf",x="y",qop="auth"`, true},
		{"privacy", `realm="r",nonce="n",qop="auth,auth-int"`, true},
		{"privacy", `realm="r",nonce="n"`, true},
		{"privacy", `realm="r",nonce="n",qop=auth-conf`, true}, // which the library does not read
		{"privacy", "", true},
		{"nonsense", `realm="r",nonce="n",qop="auth-conf"`, true},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		first := negotiation(t, x.challenge)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.Write(first)
				io.Copy(io.Discard, c)
				c.Close()
			}
		}()
		conf(t, property("hadoop.security.authentication", "kerberos")+property("hadoop.rpc.protection", x.setting), property("dfs.namenode.kerberos.principal", "nn/_HOST@A.TEST"))
		_, _, err = (&Cluster{}).System("hdfs://" + l.Addr().String() + "/x")
		if !errors.Is(err, ErrKerberos) || errors.Is(err, ErrProtection) != x.refused || x.refused && !strings.Contains(err.Error(), "hadoop.rpc.protection") {
			t.Errorf("%q, %s: %v", x.setting, x.challenge, err)
		}
		if !x.refused && !errors.Is(err, ErrKDC) { // the next to be asked
			t.Errorf("%q, %s: %v", x.setting, x.challenge, err)
		}
		l.Close()
	}
}

// TestPackets: what a NameNode says is read as it is, whatever parts it comes in, but for what the library panics at.
func TestPackets(t *testing.T) {
	wrapped := func(token string) []byte {
		return packet(messageOf(t, "hadoop.common.RpcResponseHeaderProto", "callId: 4294967263 status: SUCCESS"), messageOf(t, "hadoop.common.RpcSaslProto", fmt.Sprintf("state: WRAP token: %q", token)))
	}
	first := negotiation(t, `realm="r",nonce="n",qop="auth-conf"`)
	header := "\x05\x04\x07\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	for _, x := range []struct {
		text string
		ok   bool
	}{
		{string(wrapped(header + strings.Repeat("x", 80))), true},
		{string(packet([]byte("hello"), nil)), true},
		{string(packet()), true},
		{string(wrapped(header + "xxxxx")), false},
		{string(wrapped(header[:5] + "\x4f" + header[6:] + strings.Repeat("x", 80))), false}, // 79 bytes of a checksum, which leave one
		{"\xff\xff\xff\xffhello", false},
		{"\x00\x00\x00\x01\x01", false}, // a part that is longer than what there is
		{"\x00\x00\x00\x05hel", false},
	} {
		ours, theirs := net.Pipe()
		go func() {
			theirs.Write(first)
			theirs.Write([]byte(x.text))
			theirs.Close()
		}()
		c := &negotiated{Conn: ours, allowed: protections("privacy")}
		got, err := io.ReadAll(iotest.OneByteReader(c))
		if want := string(first) + x.text; x.ok && (err != nil || string(got) != want) || !x.ok && (err == nil || string(got) != string(first)) {
			t.Errorf("%q: %q %v", x.text, got, err)
		}
	}
}
