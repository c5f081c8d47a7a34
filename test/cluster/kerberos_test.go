package cluster

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/keytab"

	"weir/internal/hdfs"
)

const realm = "WEIR.TEST"

// secured is a KDC with the file systems that ask for its tickets (test/hadoop/cluster secure).
type secured struct {
	dir       string
	addresses map[string]string // of file systems: hdfs://localhost:port
}

// secure starts it.
func secure(t *testing.T) *secured {
	t.Helper()
	needs(t)
	if _, err := exec.LookPath("kinit"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no kinit; install krb5-user")
		}
		t.Skip("\n\n*** SKIPPED: Kerberos is NOT tested, for want of kinit (krb5-user)\n\n")
	}
	script := filepath.Join(root, "test", "hadoop", "cluster")
	s := &secured{dir: filepath.Join(t.TempDir(), "secure"), addresses: map[string]string{}}
	out, err := exec.Command(script, "secure", s.dir).CombinedOutput()
	if err != nil {
		t.Fatalf("cannot start the secured cluster: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command(script, "down", s.dir).CombinedOutput(); err != nil {
			t.Errorf("cannot stop the secured cluster: %v\n%s", err, out)
		}
	})
	text, err := os.ReadFile(filepath.Join(s.dir, "addresses"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		name, address, _ := strings.Cut(l, " ")
		s.addresses[name] = address
	}
	// Nothing of this machine's own Kerberos.
	for name, value := range map[string]string{"KRB5_CONFIG": s.path("krb5.conf"), "KRB5CCNAME": "FILE:" + s.path("none"), "KRB5_CLIENT_KTNAME": "", "KRB5_KTNAME": "",
		"HADOOP_CLIENT_OPTS": "-Djava.security.krb5.conf=" + s.path("krb5.conf")} {
		t.Setenv(name, value)
	}
	return s
}

func (s *secured) path(name ...string) string {
	return filepath.Join(append([]string{s.dir}, name...)...)
}

// conf has a file system's configuration used.
func (s *secured) conf(system string) string { return "HADOOP_CONF_DIR=" + s.path(system, "conf") }

// keytab has a user logged in by keytab.
func (s *secured) keytab(user string) string {
	return "KRB5_CLIENT_KTNAME=" + s.path("keytabs", user+".keytab")
}

// kinit has a user logged in by a ticket that lasts so long.
func (s *secured) kinit(t *testing.T, user, lasts string) string {
	t.Helper()
	cache := "FILE:" + filepath.Join(t.TempDir(), "cache")
	if out, err := run("kinit", "-c", cache, "-l", lasts, "-k", "-t", s.path("keytabs", user+".keytab"), user); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return "KRB5CCNAME=" + cache
}

// token has a user let in by a token as tasks have it, without a ticket.
func (s *secured) token(t *testing.T, system, user string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	set(t, s.conf(system), s.kinit(t, user, "10m"))
	if out, err := run("hdfs", "fetchdt", "-D", "dfs.namenode.kerberos.principal=hdfs/localhost@"+realm, "--renewer", user, file); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	set(t, "KRB5CCNAME=FILE:"+s.path("none"))
	return "HADOOP_TOKEN_FILE_LOCATION=" + file
}

// forged is a keytab with a key that the KDC does not have.
func forged(t *testing.T, user string) string {
	t.Helper()
	k := keytab.New()
	if err := k.AddEntry(user, realm, "a password of another time", time.Now(), 1, etypeID.AES128_CTS_HMAC_SHA1_96); err != nil {
		t.Fatal(err)
	}
	b, err := k.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return "KRB5_CLIENT_KTNAME=" + write(t, user+".keytab", string(b))
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// set puts NAME=VALUE into the environment.
func set(t *testing.T, env ...string) {
	t.Helper()
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
}

// put has weir's own client write a log of many blocks into a file system, as a user.
func (s *secured) put(t *testing.T, system, user, name string, log []byte) {
	t.Helper()
	set(t, s.conf(system), s.keytab(user))
	c := &hdfs.Cluster{}
	defer c.Close()
	fs, name, err := c.System("hdfs://" + name)
	if err == nil {
		err = fs.MkdirAll(path.Dir(name))
	}
	if err == nil {
		err = fs.Write(name, bytes.NewReader(log))
	}
	if err != nil {
		t.Fatalf("cannot write: %v", err)
	}
}

// TestKerberos: logs of a secured HDFS are read as files of this machine are, whatever protects them on the way, and whoever may not read
// them is told what to do.
func TestKerberos(t *testing.T) {
	s := secure(t)
	log, err := os.ReadFile(filepath.Join(home, "company", "nginx", "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	log = bytes.Repeat(log, 1+(2<<20)/len(log)) // several blocks of 256 KiB
	if err := os.WriteFile(filepath.Join(home, "access.log"), log, 0o644); err != nil {
		t.Fatal(err)
	}
	hunt := []string{"hunt", "--json", "--all", "--window", window}
	want, _ := must(t, append(hunt, "access.log")...)
	if strings.Count(want, "\n") < 100 {
		t.Fatalf("the hunt finds %d events", strings.Count(want, "\n"))
	}
	want = strings.ReplaceAll(want, `"access.log`, `"hdfs:///user/alice/logs/access.log`)
	for _, system := range []string{"authentication", "integrity", "privacy", "several", "aes"} {
		t.Run(system, func(t *testing.T) {
			s.put(t, system, "alice", "/user/alice/logs/access.log", log)
			t.Setenv("KRB5_CLIENT_KTNAME", "")
			for _, by := range []string{s.keytab("alice"), s.kinit(t, "alice", "10m"), s.token(t, system, "alice")} {
				got, bad, err := weirWith([]string{s.conf(system), by, "HADOOP_USER_NAME=bob"}, append(hunt, "hdfs:///user/alice/logs")...)
				if err != nil {
					t.Errorf("%s: %v\n%s", by, err, bad)
				} else if got != want {
					t.Errorf("%s: the hunt differs from that in files: %d and %d bytes", by, len(got), len(want))
				}
			}
		})
	}
	t.Run("jobs", func(t *testing.T) { // whose tasks log in themselves
		java := "-Djava.security.krb5.conf=" + s.path("krb5.conf") // which does not know KRB5_CONFIG
		env := []string{s.conf("privacy"), s.kinit(t, "alice", "10m"), "SPARK_SUBMIT_OPTS=" + java}
		for engine, flags := range map[string][]string{"local": nil, "spark": {"--set", "spark.executor.extraJavaOptions=" + java}} {
			got, bad, err := weirWith(env, on(engine, flags, append(hunt, "hdfs:///user/alice/logs")...)...)
			if err != nil {
				t.Errorf("%s: %v\n%s", engine, err, bad)
			} else if got != want {
				t.Errorf("%s: the hunt differs from that in files: %d and %d bytes", engine, len(got), len(want))
			}
		}
	})
	t.Run("yarn", s.yarn)
	t.Run("faults", func(t *testing.T) { s.faults(t, hunt) })
}

// faults is what people are told who cannot log in, or may not read, once alice has logs in the system "authentication".
func (s *secured) faults(t *testing.T, hunt []string) {
	run := func(env []string, args ...string) {
		t.Helper()
		c := exec.Command(args[0], args[1:]...)
		c.Dir, c.Env = home, append(os.Environ(), env...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	alice, own := s.keytab("alice"), s.conf("authentication")
	run([]string{s.conf("rc4"), s.kinit(t, "alice", "10m")}, "hadoop", "fs", "-D", "dfs.namenode.kerberos.principal=hdfs/localhost@"+realm, "-put", "access.log", "/user/alice/")
	expired := s.kinit(t, "alice", "1s")
	time.Sleep(2 * time.Second)

	cache, err := os.ReadFile(strings.TrimPrefix(s.kinit(t, "alice", "10m"), "KRB5CCNAME=FILE:"))
	if err != nil {
		t.Fatal(err)
	}
	open, err := os.ReadFile(filepath.Join(filepath.Dir(os.Getenv("HADOOP_CONF_DIR")), "addresses")) // of the cluster without Kerberos
	if err != nil {
		t.Fatal(err)
	}
	anybodys, _, _ := strings.Cut(strings.TrimPrefix(string(open), "namenode "), "\n")
	krb5 := func(kdc string) string {
		return "KRB5_CONFIG=" + write(t, "krb5.conf", fmt.Sprintf("[libdefaults]\n default_realm = %s\n udp_preference_limit = 1\n[realms]\n %s\n", realm, kdc))
	}
	// other is a configuration with another value of a setting.
	other := func(system, setting, value string) string {
		t.Helper()
		core, err := os.ReadFile(s.path(system, "conf", "core-site.xml"))
		if err != nil {
			t.Fatal(err)
		}
		property := regexp.MustCompile("<name>" + regexp.QuoteMeta(setting) + "</name><value>[^<]*<")
		if !property.Match(core) {
			t.Fatalf("the configuration has no %s", setting)
		}
		return "HADOOP_CONF_DIR=" + filepath.Dir(write(t, "core-site.xml", property.ReplaceAllLiteralString(string(core), "<name>"+setting+"</name><value>"+value+"<")))
	}
	const rpc, transfer = "hadoop.rpc.protection", "dfs.data.transfer.protection"
	byNumber := strings.Replace(s.addresses["authentication"], "localhost", "127.0.0.1", 1)
	logs := "hdfs:///user/alice/logs"
	for _, x := range []struct {
		name string
		env  []string
		log  string
		says []string // nil: it goes well
	}{
		{"no credentials", []string{own}, logs, []string{"there is no valid ticket", "none", "Run kinit", "KRB5_CLIENT_KTNAME"}},
		{"an expired ticket", []string{own, expired}, logs, []string{"the ticket of alice@WEIR.TEST", "expired at", "Run kinit"}},
		{"an expired ticket and a keytab", []string{own, expired, alice}, logs, nil},
		{"a cache that is no file", []string{own, "KRB5CCNAME=KCM:"}, logs, []string{`"KCM:" is none that is a file`, "KRB5CCNAME", "kinit"}},
		{"a damaged cache", []string{own, "KRB5CCNAME=" + write(t, "cache", string(cache[:len(cache)/2]))}, logs, []string{"damaged", "Run kinit"}},
		{"no such keytab", []string{own, "KRB5_CLIENT_KTNAME=/none"}, logs, []string{`cannot read the keytab "/none"`, "KRB5_CLIENT_KTNAME"}},
		{"no such user", []string{own, forged(t, "nobody")}, logs, []string{"nobody@WEIR.TEST", "does not know the user", "klist -kt"}},
		{"a key of another time", []string{own, forged(t, "alice")}, logs, []string{"alice@WEIR.TEST", "or not this key", "klist -kt"}},
		{"no KDC there", []string{own, alice, krb5(realm + " = {\n kdc = localhost:1\n }")}, logs, []string{"the KDC cannot be asked", "connection refused", "krb5.conf"}},
		{"no realm", []string{own, alice, krb5("OTHER.TEST = {\n kdc = localhost:1\n }")}, logs, []string{"no configuration of Kerberos", realm, "KRB5_CONFIG"}},
		{"no krb5.conf", []string{own, alice, "KRB5_CONFIG=/none/krb5.conf"}, logs, []string{`there is no "/none/krb5.conf"`, "KRB5_CONFIG"}},
		{"somebody else", []string{own, s.keytab("bob"), "HADOOP_USER_NAME=alice"}, logs, []string{"permission denied", "kinit"}},
		{"the NameNode by its number", []string{own, alice}, byNumber + "/user/alice/logs", []string{"hdfs/127.0.0.1", "does not know the NameNode", "full host name"}},
		{"a configuration without Kerberos", []string{"HADOOP_CONF_DIR=" + t.TempDir(), alice}, s.addresses["authentication"] + "/user/alice/logs",
			[]string{"lets nobody in without a login", "hadoop.security.authentication=kerberos"}},
		{"Kerberos where there is none", []string{own, alice}, anybodys + "/logs", []string{"cannot log in with Kerberos at localhost", "HADOOP_CONF_DIR fit this cluster"}},
		{"less protection than is wanted", []string{other("authentication", transfer, "privacy"), alice}, logs, []string{"offers the protection auth,", "allows auth-conf", "dfs.data.transfer.protection"}},
		{"protection that only the cluster knows of", []string{other("privacy", transfer, ""), alice}, logs, nil},
		{"less protection of questions than is wanted", []string{other("authentication", rpc, "privacy,integrity"), alice}, logs, []string{`offers "auth"`, rpc, "core-site.xml"}},
		{"more protection of questions than is wanted", []string{other("privacy", rpc, "authentication"), alice}, logs, nil},
		{"encryption that only the cluster knows of", []string{other("aes", "dfs.encrypt.data.transfer", "false"), alice}, logs, nil},
		{"encryption without AES that only the cluster knows of", []string{other("rc4", "dfs.encrypt.data.transfer", "false"), alice}, "hdfs:///user/alice/access.log", []string{"encrypt without AES"}},
		{"encryption without AES", []string{s.conf("rc4"), alice}, "hdfs:///user/alice/access.log", []string{"encrypt without AES", "dfs.encrypt.data.transfer.cipher.suites"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			out, bad, err := weirWith(x.env, append(hunt, x.log)...)
			if (err == nil) != (x.says == nil) {
				t.Fatalf("%v\n%s%s", err, out, bad)
			}
			for _, say := range x.says {
				if !strings.Contains(bad, say) {
					t.Errorf("%q is not in\n%s", say, bad)
				}
			}
			t.Log(bad)
		})
	}
}
