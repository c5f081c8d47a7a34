package cluster

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/hdfs"
)

const (
	jobs  = "privacy"                                               // the system that has YARN
	fewer = "mapreduce.input.fileinputformat.split.minsize=1048576" // than a map task for each block
)

// yarn is what jobs on a secured YARN do: the filter and the ranking are those of this machine, whether Hadoop reads the logs or tasks do, who have the
// job's token and no ticket; nobody's job reads what its user may not; and who has no ticket is told what to do.
func (s *secured) yarn(t *testing.T) {
	user := s.addresses["user"] // whose containers they are
	if user == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no libhadoop.so for this processor, without which a secured YARN runs no job")
		}
		t.Skip("\n\n*** SKIPPED: jobs on a secured YARN are NOT tested, for want of a libhadoop.so for this processor\n\n")
	}
	ticket, own := s.kinit(t, user, "60m"), s.conf(jobs)
	dir := "/user/" + user
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	for _, name := range []string{"good.log", "bad.log"} {
		b, err := os.ReadFile(filepath.Join(home, name))
		if err != nil {
			t.Fatal(err)
		}
		s.put(t, jobs, user, dir+"/logs/"+name, b)
		z.Write(b) // to memory
	}
	z.Close()
	s.put(t, jobs, user, dir+"/logs/all.log.gz", zipped.Bytes())
	if err := os.WriteFile(filepath.Join(home, "all.log.gz"), zipped.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KRB5_CLIENT_KTNAME", "")

	t.Run("training", func(t *testing.T) {
		must(t, "train", "--good", "good.log", "--bad", "bad.log", "--filter", "here.weir")
		_, said, err := weirWith([]string{own, ticket}, on("hadoop", []string{"--reducers", "2", "--set", fewer}, "train", "--good", "hdfs://"+dir+"/logs/good.log",
			"--bad", "hdfs://"+dir+"/logs/bad.log", "--filter", "secured.weir")...)
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		t.Log(said)
		var filters [2][]byte
		for i, name := range []string{"here.weir", "secured.weir"} {
			if filters[i], err = os.ReadFile(filepath.Join(home, name)); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(filters[0], filters[1]) {
			t.Errorf("the filter differs from that of this machine: %d and %d bytes", len(filters[1]), len(filters[0]))
		}
		if n := counted(t, said, "map tasks"); n < 2 {
			t.Errorf("%d map tasks", n)
		}
	})
	hunt := []string{"hunt", "--json", "--all", "--window", window}
	logs := "hdfs://" + dir + "/logs/"
	t.Run("a hunt in what a task has to open", func(t *testing.T) {
		want, _ := must(t, append(hunt, "all.log.gz")...)
		want = strings.ReplaceAll(want, `"all.log.gz`, `"`+logs+"all.log.gz")
		got, said, err := weirWith([]string{own, ticket}, on("hadoop", nil, append(hunt, logs+"all.log.gz")...)...)
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		if got != want || strings.Count(got, "\n") < 100 {
			t.Errorf("the hunt differs from that of this machine: %d and %d bytes", len(got), len(want))
		}
	})
	expired := s.kinit(t, user, "1s")
	time.Sleep(2 * time.Second)
	for _, x := range []struct {
		name string
		env  []string
		says []string
	}{
		{"no ticket", nil, []string{"there is no valid ticket", "Run kinit"}},
		{"an expired ticket", []string{expired}, []string{"the ticket of " + user + "@" + realm, "expired at", "Run kinit"}},
		{"an expired ticket, and a keytab that only weir takes", []string{expired, s.keytab(user)}, []string{"the engine cannot log in with Kerberos", "Run kinit", "no keytab"}},
		{"somebody else", []string{s.kinit(t, "bob", "10m")}, []string{"permission denied"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			out, bad, err := weirWith(append(x.env, own), on("hadoop", nil, append(hunt, logs)...)...)
			if err == nil {
				t.Fatalf("it went well:\n%s%s", out, bad)
			}
			for _, say := range x.says {
				if !strings.Contains(bad, say) {
					t.Errorf("%q is not in\n%s", say, bad)
				}
			}
			t.Log(bad)
		})
	}
	t.Run("nothing is left", func(t *testing.T) {
		set(t, own, ticket)
		c := &hdfs.Cluster{}
		defer c.Close()
		fs, tmp, err := c.System("hdfs:///tmp")
		if err != nil {
			t.Fatal(err)
		}
		list, err := fs.ReadDir(tmp)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range list {
			if temporary.MatchString("/tmp/" + x.Name()) {
				t.Errorf("left in HDFS: %s", x.Name())
			}
		}
	})
}
