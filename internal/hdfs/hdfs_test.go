package hdfs

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, x := range []struct{ link, authority, name string }{
		{"hdfs://nn:9000/logs/a b%20#?.log", "nn:9000", "/logs/a b%20#?.log"},
		{"hdfs:///logs//x/../y/", "", "/logs/y"},
		{"hdfs://cluster", "cluster", "/"},
		{"hdfs://nn/../../etc", "nn", "/etc"},
	} {
		authority, name, err := split(x.link)
		if err != nil || authority != x.authority || name != x.name {
			t.Errorf("%s: %q %q %v", x.link, authority, name, err)
		}
	}
	for _, link := range []string{"hdfs://user@nn/x", "hdfs://n n/x", "hdfs://nn?x/y", "file:///x"} {
		if _, _, err := split(link); err == nil {
			t.Errorf("%s is taken", link)
		}
	}
}

// conf writes a configuration and has it used.
func conf(t *testing.T, core, site string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"core-site.xml": core, "hdfs-site.xml": site} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("<configuration>"+text+"</configuration>"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HADOOP_CONF_DIR", dir)
	t.Setenv("HADOOP_HOME", "")
}

func property(name, value string) string {
	return "<property><name>" + name + "</name><value>" + value + "</value></property>"
}

func TestNameNodes(t *testing.T) {
	conf(t, property("fs.defaultFS", "hdfs://big"), property("dfs.ha.namenodes.big", "a, b")+
		property("dfs.namenode.rpc-address.big.a", "one:8020")+property("dfs.namenode.rpc-address.big.b", "two:8020"))
	c, err := configuration()
	if err != nil {
		t.Fatal(err)
	}
	for authority, want := range map[string][]string{"": {"one:8020", "two:8020"}, "big": {"one:8020", "two:8020"}, "other": {"other:8020"}, "other:9000": {"other:9000"}} {
		if got, err := nameNodes(authority, c); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q %v", authority, got, err)
		}
	}
	if full, err := (&Cluster{}).Full("hdfs:///x"); err != nil || full != "hdfs://big/x" {
		t.Errorf("full: %q %v", full, err)
	}
	conf(t, "", "")
	if _, err := (&Cluster{}).Full("hdfs:///x"); !errors.Is(err, ErrNoNameNode) {
		t.Errorf("without a configuration: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	conf(t, "", "")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	says := make(chan string, 1)
	go func() { // something else listens, says something, and hangs up
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if text := <-says; text != "" {
				c.Write([]byte(text))
				io.Copy(io.Discard, c)
			}
			c.Close()
		}
	}()
	c := &Cluster{}
	for _, text := range []string{"", "HTTP/1.1 400 Bad Request\r\n\r\n", "\xff\xff\xff\xff", "\x00\x00\x00\x01\x01"} {
		says <- text
		if _, _, err := c.System("hdfs://" + address + "/x"); !errors.Is(err, ErrUnreachable) {
			t.Errorf("a port of something else that says %q: %v", text, err)
		}
	}
	l.Close()
	if _, _, err := c.Expand(t.Context(), []string{"hdfs://" + address + "/x"}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a closed port: %v", err)
	}
}

func TestKerberosWithoutTicket(t *testing.T) {
	conf(t, property("hadoop.security.authentication", "kerberos"), property("dfs.namenode.kerberos.principal", "nn/_HOST@EXAMPLE.COM"))
	krb := filepath.Join(t.TempDir(), "krb5.conf")
	if err := os.WriteFile(krb, []byte("[libdefaults]\n default_realm = EXAMPLE.COM\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KRB5_CONFIG", krb)
	cache := filepath.Join(t.TempDir(), "cache")
	for name, content := range map[string][]byte{"none": nil, "cut off": {5, 4, 0}} {
		if content != nil {
			if err := os.WriteFile(cache, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("KRB5CCNAME", "FILE:"+cache)
		if _, _, err := (&Cluster{}).System("hdfs://127.0.0.1:1/x"); !errors.Is(err, ErrKerberos) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlain(t *testing.T) {
	err := plain(&fs.PathError{Op: "open", Path: "/x", Err: fs.ErrPermission})
	if !errors.Is(err, fs.ErrPermission) || err.Error() != "permission denied" {
		t.Errorf("%v", err)
	}
}
