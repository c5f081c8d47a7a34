package mongo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/FerretDB/FerretDB/ferretdb"
)

// serve runs FerretDB in this process until it is killed: the test binary does so when WEIR_TEST_FERRETDB is set, to address and
// directory.
func serve(text string) {
	address, dir, _ := strings.Cut(text, " ")
	f, err := ferretdb.New(&ferretdb.Config{Listener: ferretdb.ListenerConfig{TCP: address},
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Handler: "sqlite", SQLiteURL: "file:" + dir + "/"})
	if err == nil {
		err = f.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// A victim is a server in a process of its own, which can be killed and started again.
type victim struct {
	t       *testing.T
	address string
	dir     string
	process *exec.Cmd
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	v := &victim{t: t, address: freeAddress(t), dir: t.TempDir()}
	v.start()
	t.Cleanup(v.kill)
	return v
}

// freeAddress is one that nobody listens at, and that the system gives to nobody who asks for any: a server that is started there again
// finds it free, however many connections others make meanwhile.
func freeAddress(t *testing.T) string {
	t.Helper()
	lowest := 32768
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if n, err := strconv.Atoi(strings.Fields(string(text) + " x")[0]); err == nil && n > 12000 {
			lowest = n
		}
	}
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(lowest-10000)))
		if err == nil {
			l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("there is no free port")
	return ""
}

// start starts the server and waits until it answers.
func (v *victim) start() {
	v.t.Helper()
	v.process = exec.Command(os.Args[0])
	v.process.Env = append(os.Environ(), "WEIR_TEST_FERRETDB="+v.address+" "+v.dir)
	v.process.Stderr = os.Stderr
	if err := v.process.Start(); err != nil {
		v.t.Fatal(err)
	}
	for range 4000 {
		c, err := net.Dial("tcp", v.address)
		if err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	v.t.Fatal("the server does not answer")
}

func (v *victim) kill() {
	_ = v.process.Process.Kill() // it may be dead
	_ = v.process.Wait()
}

// TestServerKilled kills the server in the middle of reading logs in, marking, taking back and training, and starts it again: weir
// says what happened, nothing is lost or doubled, and it goes on.
func TestServerKilled(t *testing.T) {
	dir := company(t, "2000")
	logs := []string{"company/zeek", "company/nginx"}
	v := newVictim(t)
	// Who has lost the server shall not wait long for it; who has one, on a busy machine too.
	uri := "mongodb://" + v.address + "/weir?serverSelectionTimeoutMS=60000&directConnection=true"
	hasty := strings.Replace(uri, "=60000", "=700", 1)
	failed := map[string]int{}
	// interrupted runs weir and kills the server meanwhile, unless weir is faster; and starts it again.
	interrupted := func(within time.Duration, args ...string) (went bool) {
		t.Helper()
		done, killed := make(chan struct{}), make(chan struct{})
		time.AfterFunc(time.Duration(rand.Int64N(int64(within))), func() {
			defer close(killed)
			v.kill()
		})
		var out, bad string
		var err error
		go func() {
			defer close(done)
			out, bad, err = weir(dir, args...)
		}()
		<-done
		<-killed
		v.start()
		if err == nil {
			return true
		}
		failed[args[0]]++
		if !strings.Contains(bad, "cannot be reached") || !strings.Contains(bad, "server answers again") {
			t.Errorf("weir %s: %v %q %q", args[0], err, out, bad)
		}
		return false
	}
	for range 6 {
		if interrupted(500*time.Millisecond, append([]string{"ingest", "--store", hasty}, logs...)...) {
			break
		}
	}
	must(t, dir, append([]string{"ingest", "--store", uri}, logs...)...)
	want := must(t, dir, "hunt", "--json", "--all", "--window", window, "company/zeek", "company/nginx")
	if got := must(t, dir, "hunt", "--store", uri, "--json", "--all", "--window", window); got != want {
		t.Error("the hunt differs from that in the files")
	}
	standing := func() int {
		out := must(t, dir, "marks", "--store", uri)
		if strings.Contains(out, "No mark") {
			return 0
		}
		return strings.Count(out, "\n")
	}
	for i := range 6 {
		before := standing()
		interrupted(500*time.Millisecond, "mark", "bad", "--store", hasty, "--window", window, "--note", fmt.Sprint(i))
		if n := standing() - before; n != 0 && n != 1 {
			t.Fatalf("%d marks were made", n)
		}
		interrupted(400*time.Millisecond, "train", "--store", hasty)
		if i%2 == 1 && standing() > 0 {
			id, _, _ := strings.Cut(must(t, dir, "marks", "--store", uri), " ")
			before := standing()
			interrupted(500*time.Millisecond, "unmark", id, "--store", hasty)
			if n := before - standing(); n != 0 && n != 1 {
				t.Fatalf("%d marks were taken back", n)
			}
		}
	}
	must(t, dir, "train", "--store", uri)
	m := open(t, uri)
	sound(t, m)
	last, err := m.LastModel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := m.UpToDate(t.Context(), last); !ok || err != nil {
		t.Errorf("the last model is of other marks: %v", err)
	}
	t.Logf("the server was killed in the middle of %v", failed)
	if failed["ingest"] == 0 || failed["mark"]+failed["train"]+failed["unmark"] == 0 {
		t.Errorf("the server was never killed in the middle: %v", failed)
	}
}
