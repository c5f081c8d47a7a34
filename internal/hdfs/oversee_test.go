package hdfs

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// nameNode answers the questions of clients without a login, by what answers has for a method, as prototext. It returns its address.
func nameNode(t *testing.T, answers map[string]string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				in.Discard(7) // hrpc, version, class, kind of login
				for {
					parts, err := readPacket(in)
					if err != nil {
						return
					}
					if len(parts) < 3 {
						continue // who connects
					}
					method := string(field(parts[1], 1))
					call := uint64(0)
					eachField(parts[0], func(n protowire.Number, v uint64, b []byte) {
						if n == 3 && b == nil {
							call = uint64(uint32(protowire.DecodeZigZag(v)))
						}
					})
					text, ok := answers[method]
					if !ok {
						t.Logf("the NameNode is asked for %s", method)
					}
					name := strings.ToUpper(method[:1]) + method[1:] + "ResponseProto"
					c.Write(packet(messageOf(t, "hadoop.common.RpcResponseHeaderProto", fmt.Sprintf("callId: %d status: SUCCESS", call)),
						messageOf(t, "hadoop.hdfs."+name, text)))
				}
			}()
		}
	}()
	return l.Addr().String()
}

// messageOf encodes a message of Hadoop.
func messageOf(t *testing.T, name, text string) []byte {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
	if err != nil {
		t.Error(name, err)
		return nil
	}
	m := kind.New().Interface()
	if err := prototext.Unmarshal([]byte(text), m); err != nil {
		t.Error(name, err)
	}
	b, err := proto.Marshal(m)
	if err != nil {
		t.Error(name, err)
	}
	return b
}

// packet is one of Hadoop's RPC.
func packet(parts ...[]byte) []byte {
	b := make([]byte, 4)
	for _, p := range parts {
		b = protowire.AppendBytes(b, p)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func readPacket(in io.Reader) (parts [][]byte, err error) {
	var n uint32
	if err := binary.Read(in, binary.BigEndian, &n); err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(in, b); err != nil {
		return nil, err
	}
	for len(b) > 0 {
		p, l := protowire.ConsumeBytes(b)
		if l < 0 {
			return nil, errors.New("no packet")
		}
		parts, b = append(parts, p), b[l:]
	}
	return parts, nil
}

// TestEncryptionIsNotNegotiable: where the NameNode says that blocks are encrypted, a DataNode that offers less, or somebody
// between, is told nothing, whatever the client's configuration says.
func TestEncryptionIsNotNegotiable(t *testing.T) {
	for _, x := range []struct{ challenge, second, says string }{
		{`realm="0",nonce="n",qop="auth",cipher="rc4"`, "rspauth", "offers the protection auth,"},
		{`realm="0",nonce="n",qop="auth-int,auth-conf",cipher="rc4"`, "rspauth", "offers the protection auth-int,auth-conf,"},
		{`realm="0",nonce="n",qop="auth-conf",cipher="rc4-40"`, "rspauth", "with keys of 128 bits"},
		{`realm="0",nonce="n",qop="auth-conf",cipher="rc4"`, "rspauth", ErrEncrypted.Error()},
		{`realm="0",nonce="n",qop="auth-conf",cipher="rc4"`, "broken", "cannot be read"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		clear := make(chan []byte, 10)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				clear <- encryptingDataNode(c, x.challenge, x.second)
			}
		}()
		address := nameNode(t, map[string]string{
			"getServerDefaults":    "serverDefaults { blockSize: 1024 bytesPerChecksum: 512 writePacketSize: 1024 replication: 1 fileBufferSize: 1024 encryptDataTransfer: true }",
			"getDataEncryptionKey": `dataEncryptionKey { keyId: 1 blockPoolId: "pool" nonce: "nonce" encryptionKey: "key" expiryDate: 1 }`,
			"getFileInfo":          `fs { fileType: IS_FILE path: "" length: 10 permission { perm: 420 } owner: "o" group: "g" modification_time: 1 access_time: 1 blocksize: 1024 }`,
			"getBlockLocations": fmt.Sprintf(`locations { fileLength: 10 underConstruction: false isLastBlockComplete: true blocks { offset: 0 corrupt: false
				b { poolId: "pool" blockId: 1 generationStamp: 1 numBytes: 10 } blockToken { identifier: "id" password: "pw" kind: "HDFS_BLOCK_TOKEN" service: "" }
				locs { id { ipAddr: "127.0.0.1" hostName: "localhost" datanodeUuid: "u" xferPort: %d infoPort: 1 ipcPort: 1 } } } }`, l.Addr().(*net.TCPAddr).Port),
			"renewLease": "",
		})
		conf(t, "", property("dfs.data.transfer.protection", "authentication"))
		var cluster Cluster
		s, _, err := cluster.System("hdfs://" + address + "/x")
		if err != nil {
			t.Fatal(err)
		}
		f, err := s.Open("/x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Read(make([]byte, 10)); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s, %s: %v", x.challenge, x.second, err)
		}
		if b := <-clear; len(b) > 0 {
			t.Errorf("%s: the request is sent in clear: %q", x.challenge, b)
		}
		cluster.Close()
		l.Close()
	}
}

// encryptingDataNode does the handshake with a challenge of its own, and returns what the client then sends.
func encryptingDataNode(c net.Conn, challenge, second string) []byte {
	defer c.Close()
	in := bufio.NewReader(c)
	if _, err := in.Discard(4); err != nil {
		return nil
	}
	if _, err := readMessage(in); err != nil {
		return nil
	}
	c.Write(message{payload: []byte(challenge)}.encode())
	m, err := readMessage(in)
	if err != nil {
		return nil
	}
	d := &digest{realm: "0", nonce: "n", uri: "hdfs/0", user: "1 pool " + base64.StdEncoding.EncodeToString([]byte("nonce")), password: base64.StdEncoding.EncodeToString([]byte("key"))}
	for rest := string(m.payload); rest != ""; {
		var key, value string
		switch key, value, rest = directive(rest); key {
		case "cnonce":
			d.cnonce = value
		case "qop":
			d.qop = value
		}
	}
	said := "rspauth=" + d.response(":")
	if second == "broken" {
		said = "rspauth" // at which the library panics
	}
	c.Write(message{payload: []byte(said)}.encode())
	got := new(bytes.Buffer)
	io.CopyN(got, in, 20)
	return got.Bytes()
}
