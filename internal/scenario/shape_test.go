package scenario

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestShape checks that the company lives like one.
func TestShape(t *testing.T) {
	res := usual()
	type counts struct{ work, weekend, night, all int }
	count := func(file string, match func(string) bool) (c counts) {
		for i, line := range res.logs[file] {
			at, ok := lineTime(t, file, line)
			if !ok || res.kinds[file][i+1] != "" || !match(line) {
				continue
			}
			c.all++
			switch day, h := at.UTC().Weekday(), at.UTC().Hour(); {
			case day == time.Sunday || day == time.Saturday:
				c.weekend++
			case h >= 8 && h < 18:
				c.work++
			case h < 5:
				c.night++
			}
		}
		return c
	}
	staff := count("zeek/ssl.log", func(l string) bool { return strings.Contains(l, "\t10.0.1.") })
	if staff.work*100 < staff.all*60 || staff.weekend*100 > staff.all*20 || staff.night == 0 {
		t.Errorf("staff: %+v", staff)
	}
	shop := count("nginx/access.log", func(l string) bool { return strings.Contains(l, "bergundsee") })
	if shop.night*100 > shop.all*12 || shop.night*100 < shop.all || shop.weekend*100 < shop.all*20 {
		t.Errorf("shop: %+v", shop)
	}
	for _, c := range []struct {
		file, mark string
		least      int
	}{
		{"nginx/access.log", "wp-login.php", 200}, {"nginx/access.log", "/.env", 200}, {"nginx/access.log", "POST /login", 300},
		{"nginx/access.log", "Googlebot", 1500}, {"nginx/access.log", "%27", 20}, {"nginx/access.log", "feb-ideas", 50},
		{"nginx/access.log", "spring-2026", 50}, {"nginx/access.log", "Chrome/145", 50}, {"nginx/access.log", "217.86.143.50", 100},
		{"auth.log", "Failed password for root", 200}, {"auth.log", "Accepted publickey", 300}, {"auth.log", "COMMAND=", 200},
		{"zeek/http.log", "Trident/7.0", 50}, {"zeek/http.log", "tile-service", 500}, {"zeek/http.log", "Firefox/147", 50},
		{"zeek/dns.log", "NXDOMAIN", 20},
	} {
		if n := count(c.file, func(l string) bool { return strings.Contains(l, c.mark) }); n.all < c.least {
			t.Errorf("%s: %q stands in %d benign lines, want at least %d", c.file, c.mark, n.all, c.least)
		}
	}
}

// TestWindow checks that ordinary life goes on in the window, and that nothing hostile was there before.
func TestWindow(t *testing.T) {
	res := usual()
	in := map[string]int{}
	hostile := map[string]bool{} // addresses and names of the command server
	for n, kind := range res.kinds["zeek/http.log"] {
		if kind == "c2_beacon" {
			f := strings.Split(res.logs["zeek/http.log"][n-1], "\t")
			hostile[f[4]], hostile[f[8]] = true, true
		}
	}
	if len(hostile) != 2 {
		t.Errorf("command servers: %v", hostile)
	}
	for _, file := range logNames {
		for i, line := range res.logs[file] {
			at, ok := lineTime(t, file, line)
			if !ok || res.kinds[file][i+1] != "" {
				continue
			}
			if !at.Before(res.truth.From) && at.Before(res.truth.To) {
				in[file]++
			}
			for h := range hostile {
				if strings.Contains(line, "\t"+h+"\t") {
					t.Errorf("%s:%d: benign line with %s", file, i+1, h)
				}
			}
			if strings.Contains(line, "\t10.0.2.17\t") && strings.Contains(line, "Trident") {
				t.Errorf("%s:%d: Internet Explorer on 10.0.2.17 outside the break-in", file, i+1)
			}
		}
	}
	for _, file := range logNames {
		if in[file] < 20 {
			t.Errorf("%s: %d benign lines in the window", file, in[file])
		}
	}
	t.Log("benign lines in the window:", in)
}

// TestZeekAgree checks that each line of dns, http and ssl has its connection, by uid and ends.
func TestZeekAgree(t *testing.T) {
	res := usual()
	ends := func(line string) (uid, rest string) {
		f := strings.SplitN(line, "\t", 7)
		return f[1], strings.Join(f[2:6], " ")
	}
	conns := map[string]string{}
	for i, line := range res.logs["zeek/conn.log"] {
		if line[0] != '#' {
			uid, rest := ends(line)
			if conns[uid] != "" {
				t.Fatalf("conn.log:%d: uid %s twice", i+1, uid)
			}
			conns[uid] = rest
		}
	}
	missing := 0
	for _, name := range []string{"zeek/dns.log", "zeek/http.log", "zeek/ssl.log", "zeek/conn.log"} {
		columns := 0
		for i, line := range res.logs[name] {
			if rest, ok := strings.CutPrefix(line, "#fields\t"); ok {
				columns = strings.Count(rest, "\t")
			}
			if line[0] == '#' {
				continue
			}
			if strings.Count(line, "\t") != columns {
				t.Fatalf("%s:%d: %d columns, want %d", name, i+1, strings.Count(line, "\t")+1, columns+1)
			}
			if uid, rest := ends(line); conns[uid] != rest {
				missing++
			}
		}
	}
	if missing > 3 { // a connection whose other lines fall behind the end of the scenario
		t.Errorf("%d lines have no connection", missing)
	}
}

// heap is a log that looks at the memory in use while it is written.
type heap struct {
	peak *uint64
	n    int
}

func (h *heap) Write(p []byte) (int, error) {
	if h.n++; h.n%200 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		*h.peak = max(*h.peak, m.HeapInuse)
	}
	return len(p), nil
}

func (h *heap) Close() error { return nil }

func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("4 M lines")
	}
	var peak uint64
	// Four days at the rate of 28 M lines in four weeks.
	if _, err := Generate(Config{Events: 4_000_000, Days: 4, Seed: 1}, func(string) (io.WriteCloser, error) {
		return &heap{peak: &peak}, nil
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("peak heap %d MB", peak>>20)
	if peak > 250<<20 {
		t.Errorf("peak heap %d MB", peak>>20)
	}
}
