package hdfs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKrb5Conf: what is included counts, and sections that come several times are one.
func TestKrb5Conf(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"krb5.conf":      "# ours\nincludedir " + dir + "/d/\n[libdefaults]\n default_realm = A.TEST\n[realms]\n A.TEST = {\n  kdc = a.test\n }\n[logging]\n kdc = FILE:/x\ninclude " + dir + "/more\n",
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
	for name, says := range map[string]string{"none": "there is no", "again": "files are included", "broken": "cannot read"} {
		t.Setenv("KRB5_CONFIG", filepath.Join(dir, name))
		if _, _, err := krb5conf(); !errors.Is(err, ErrKrb5Conf) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
