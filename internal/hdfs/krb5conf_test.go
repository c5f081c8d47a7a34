package hdfs

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// TestKrb5Conf: what is included counts, and sections that come several times are one.
func TestKrb5Conf(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"krb5.conf":      "# ours\nincludedir " + dir + "/d/\n[libdefaults]\n default_realm = A.TEST\n[realms]\n A.TEST = {\n  kdc = a.test\n }\n[logging]\n kdc = FILE:/x\ninclude\t" + dir + "/more\n",
		"more":           "[libdefaults]\n default_ccache_name = FILE:/tmp/of-%{uid}\n[domain_realm]\n .b.test = B.TEST\n",
		"d/b.conf":       "[realms]\nB.TEST = {\n kdc = b.test:99\n}\n",
		"d/.hidden.conf": "this is\n[libdefaults]\nnothing\n",
		"d/old.conf~":    "[libdefaults]\nnothing\n",
		"again":          "include " + dir + "/again\n",
		"broken":         "[libdefaults]\nnothing\n",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("KRB5_CONFIG", filepath.Join(dir, "none")+":"+filepath.Join(dir, "krb5.conf"))
	conf, cache, err := krb5conf()
	if err != nil {
		t.Fatal(err)
	}
	if cache != "FILE:/tmp/of-%{uid}" || conf.LibDefaults.DefaultRealm != "A.TEST" || conf.ResolveRealm("host.b.test") != "B.TEST" {
		t.Errorf("%q %q %q", cache, conf.LibDefaults.DefaultRealm, conf.ResolveRealm("host.b.test"))
	}
	for realm, want := range map[string]string{"A.TEST": "a.test:88", "B.TEST": "b.test:99"} {
		if _, kdcs, err := conf.GetKDCs(realm, true); err != nil || len(kdcs) != 1 || kdcs[1] != want {
			t.Errorf("%s: %v %v", realm, kdcs, err)
		}
	}
	if !conf.LibDefaults.DNSLookupKDC {
		t.Error("KDCs are not looked for in the DNS, as MIT's tools do")
	}
	for name, says := range map[string]string{"none": "there is no", "again": "files are included", "broken": "cannot read"} {
		t.Setenv("KRB5_CONFIG", filepath.Join(dir, name))
		if _, _, err := krb5conf(); !errors.Is(err, ErrKrb5Conf) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKDCByDNS: where no file names a KDC, the DNS does, unless krb5.conf says not to ask it.
func TestKDCByDNS(t *testing.T) {
	dns, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer dns.Close()
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := dns.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; strings.EqualFold(q.Name.String(), "_kerberos._tcp.A.TEST.") && q.Type == dnsmessage.TypeSRV {
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
					Body: &dnsmessage.SRVResource{Port: 88, Target: dnsmessage.MustNewName("kdc.a.test.")}}}
			} else {
				m.RCode = dnsmessage.RCodeNameError
			}
			if answer, err := m.Pack(); err == nil {
				dns.WriteTo(answer, from)
			}
		}
	}()
	before := net.DefaultResolver
	defer func() { net.DefaultResolver = before }()
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", dns.LocalAddr().String())
	}}
	file := filepath.Join(t.TempDir(), "krb5.conf")
	t.Setenv("KRB5_CONFIG", file)
	for text, want := range map[string]string{
		"":                       "kdc.a.test:88",
		" dns_lookup_kdc = true": "kdc.a.test:88",
		" DNS_lookup_kdc=no":     "",
		"[realms]\n A.TEST = {\n kdc = named.test\n }": "named.test:88",
	} {
		if err := os.WriteFile(file, []byte("[libdefaults]\n default_realm = A.TEST\n"+text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		conf, _, err := krb5conf()
		if err != nil {
			t.Fatal(err)
		}
		_, kdcs, err := conf.GetKDCs("A.TEST", true)
		if kdcs[1] != want || (err == nil) != (want != "") {
			t.Errorf("%q: %v %v", text, kdcs, err)
		}
		_, _, err = conf.GetKDCs("B.TEST", true) // of which nobody knows
		if err = kerberosError(err); !errors.Is(err, ErrKrb5Conf) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
