package hdfs

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// fakeNameNode answers a client that wants no login: with a message, or with the name of an exception and what it says. It returns what was asked of
// it so far, without renewals of leases.
func fakeNameNode(t *testing.T, answer func(method string) (exception string, message []byte)) (address string, asked func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	methods, done := make(chan []string, 1), make(chan struct{})
	methods <- nil
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		if _, err := io.ReadFull(c, make([]byte, 7)); err != nil {
			return
		}
		if _, err := readPacket(c); err != nil { // the context
			return
		}
		for {
			parts, err := readPacket(c)
			if err != nil {
				return
			}
			var call uint64
			eachField(parts[0], func(n protowire.Number, v uint64, b []byte) {
				if n == 3 && b == nil {
					call = uint64(protowire.DecodeZigZag(v))
				}
			})
			method := string(field(parts[1], 1))
			if method == "renewLease" {
				c.Write(packet(messageOf(t, "hadoop.common.RpcResponseHeaderProto", "callId: "+strconv.FormatUint(call, 10)+" status: SUCCESS"), nil))
				continue
			}
			methods <- append(<-methods, method)
			exception, message := answer(method)
			if exception != "" {
				c.Write(packet(messageOf(t, "hadoop.common.RpcResponseHeaderProto", "callId: "+strconv.FormatUint(call, 10)+
					` status: ERROR errorDetail: ERROR_APPLICATION exceptionClassName: "`+exception+`" errorMsg: "the NameNode's words"`)))
				continue
			}
			c.Write(packet(messageOf(t, "hadoop.common.RpcResponseHeaderProto", "callId: "+strconv.FormatUint(call, 10)+" status: SUCCESS"), message))
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String(), func() []string { m := <-methods; methods <- m; return slices.Clone(m) }
}

// TestWriteFails: of a file that could not be written wholly nothing is left, or that is said; what somebody else wrote is left alone.
func TestWriteFails(t *testing.T) {
	const (
		status  = `fs { fileType: IS_FILE path: "" length: 0 permission { perm: 420 } owner: "o" group: "g" modification_time: 0 access_time: 0 fileId: 5 }`
		java    = "org.apache.hadoop.hdfs.server.namenode."
		pending = java + "NotReplicatedYetException"
	)
	for _, x := range []struct {
		name     string
		there    bool
		addBlock []string // exceptions, one after the other
		remove   string   // exception
		says     []string
		removed  int
		is       error
	}{
		{"once", false, []string{"org.apache.hadoop.hdfs.protocol.DSQuotaExceededException"}, "", []string{"DSQuotaExceededException: the NameNode's words"}, 1, nil},
		{"again", false, []string{pending, pending, java + "SafeModeException"}, "", []string{"SafeModeException"}, 3, nil},
		{"half is left", false, []string{pending}, java + "SafeModeException", []string{"NotReplicatedYetException", "half of it is left", "SafeModeException"}, 1, nil},
		{"another made it", true, nil, "", nil, 0, fs.ErrExist},
		{"another made it meanwhile", false, []string{java + "LeaseExpiredException"}, "", []string{"LeaseExpiredException"}, 0, nil},
		{"another removed it", false, []string{"java.io.FileNotFoundException"}, "", nil, 0, fs.ErrNotExist},
	} {
		t.Run(x.name, func(t *testing.T) {
			conf(t, "", "")
			t.Setenv(tokenFile, "")
			there := x.there
			address, asked := fakeNameNode(t, func(method string) (string, []byte) {
				switch method {
				case "getServerDefaults":
					return "", messageOf(t, "hadoop.hdfs.GetServerDefaultsResponseProto", "serverDefaults { blockSize: 1048576 bytesPerChecksum: 512 writePacketSize: 65536 replication: 1 fileBufferSize: 4096 }")
				case "getFileInfo":
					if there {
						return "", messageOf(t, "hadoop.hdfs.GetFileInfoResponseProto", status)
					}
				case "create":
					there = true
					return "", messageOf(t, "hadoop.hdfs.CreateResponseProto", status)
				case "addBlock":
					exception := x.addBlock[0]
					x.addBlock = x.addBlock[1:]
					return exception, nil
				case "complete":
					return "", messageOf(t, "hadoop.hdfs.CompleteResponseProto", "result: true")
				case "delete":
					if x.remove != "" {
						return x.remove, nil
					}
					there = false
					return "", messageOf(t, "hadoop.hdfs.DeleteResponseProto", "result: true")
				}
				return "", nil
			})
			c := &Cluster{}
			defer c.Close()
			s, name, err := c.System("hdfs://" + address + "/x")
			if err != nil {
				t.Fatal(err)
			}
			from := strings.NewReader("content")
			from.Seek(0, io.SeekEnd) // by whoever had it before
			err = s.Write(name, from)
			if err == nil || x.is != nil && !errors.Is(err, x.is) {
				t.Fatalf("it says %v; asked was %q", err, asked())
			}
			for _, say := range x.says {
				if !strings.Contains(err.Error(), say) {
					t.Errorf("%q is not in %v", say, err)
				}
			}
			removed := 0
			for _, m := range asked() {
				if m == "delete" {
					removed++
				}
			}
			if removed != x.removed {
				t.Errorf("%d times removed, not %d: %q", removed, x.removed, asked())
			}
		})
	}
}
