package format

import (
	"strings"
	"testing"
	"time"

	"weir/internal/event"
)

func TestSyslogHeader(t *testing.T) {
	const at = "syslog 2026-01-02T03:04:05"
	tests := []struct {
		line string
		want []string
	}{
		{"Jan  2 03:04:05 gate foo[12]: hello", []string{at, `host.name="gate"`, `process.name="foo"`, `process.pid="12"`,
			`message="hello"`}},
		{"<38>Jan  2 03:04:05 gate foo: hello", []string{at, `log.syslog.facility.code="4"`,
			`log.syslog.severity.code="6"`, `host.name="gate"`, `process.name="foo"`, `message="hello"`}},
		{"Jan 2 2026 03:04:05.250 gate foo: hello", []string{at + ".25", `host.name="gate"`, `process.name="foo"`,
			`message="hello"`}},
		{"2026-01-02T04:04:05.5+01:00 gate foo[1]: hello", []string{at + ".5", `host.name="gate"`, `process.name="foo"`,
			`process.pid="1"`, `message="hello"`}},
		{"2026-01-02T04:04:05+0100 gate kernel: hello", []string{at, `host.name="gate"`, `process.name="kernel"`,
			`message="hello"`}},
		{"Jan  2 03:04:05 foo[12]: no host", []string{at, `process.name="foo"`, `process.pid="12"`, `message="no host"`}},
		{"Jan  2 03:04:05 gate no tag", []string{at, `host.name="gate"`, `message="no tag"`}},
		{"Jan  2 03:04:05 fe80::1 foo: v6", []string{at, `host.name="fe80::1"`, `process.name="foo"`, `message="v6"`}},
		{"Jan  2 03:04:05 gate syslogd 1.4.1: restart.", []string{at, `host.name="gate"`, `process.name="syslogd"`,
			`message="restart."`}},
		{"Jan  2 03:04:05 gate last message repeated 3 times", []string{at, `host.name="gate"`, `event.repeated="3"`,
			`event.action="message_repeated"`, `message="last message repeated 3 times"`}},
		{"<189>45: *Jan  2 03:04:05.000: %SYS-5-CONFIG_I: x", []string{at, `log.syslog.facility.code="23"`,
			`log.syslog.severity.code="5"`, `process.name="%SYS-5-CONFIG_I"`, `message="x"`}},
		{"<34>1 2026-01-02T03:04:05Z gate su 7 ID47 - 'su root' failed", []string{at, `log.syslog.facility.code="4"`,
			`log.syslog.severity.code="2"`, `host.name="gate"`, `process.name="su"`, `process.pid="7"`,
			`log.syslog.msgid="ID47"`, `message="'su root' failed"`}},
		{`<165>1 2026-01-02T03:04:05Z gate app - - [ex@1 a="x\"]\\" b="" c="d e"][q z="1"] ` + "\xef\xbb\xbfhi", []string{at,
			`log.syslog.facility.code="20"`, `log.syslog.severity.code="5"`, `host.name="gate"`, `process.name="app"`,
			`syslog.sd.ex@1.a="x\"]\\"`, `syslog.sd.ex@1.c="d e"`, `syslog.sd.q.z="1"`, `message="hi"`}},
		{"1 - - app - - -", []string{"syslog", `process.name="app"`}},
		{"-- Boot 1234 --", []string{"error: no record on this line"}},
		{"<999>Jan  2 03:04:05 gate foo: x", []string{"error: priority out of range"}},
		{"<34>1 2026-01-02T03:04:05Z gate", []string{"error: RFC 5424 header incomplete"}},
		{`<34>1 2026-01-02T03:04:05Z gate a - - [x y="z`, []string{"error: structured data not closed"}},
		{"2026-01-02T03:04:05Z ERROR db: gone", []string{"error: no host and program after the time"}},
		{"2026-01-02T03:04:05Z the disk is full", []string{"error: no host and program after the time"}},
		{"Foo 99 99:99:99 gate x: y", []string{"error: time not understood"}},
		{"hello", []string{"error: no time at the start"}},
	}
	d := mustNew(t, &syslog, Options{Reference: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	for _, tt := range tests {
		wantEvent(t, d, tt.line, tt.want...)
	}
}

func TestSyslogYearAndZone(t *testing.T) {
	zone := time.FixedZone("", 3600)
	d := mustNew(t, &syslog, Options{Reference: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), Zone: zone})
	wantEvent(t, d.Fork(event.NewKeys()), "Dec 31 23:30:00 h p: x", "syslog 2025-12-31T22:30:00", `host.name="h"`,
		`process.name="p"`, `message="x"`)
}

// TestSyslogMessages leaves out the time, the host, the program and the message itself, which every event has.
func TestSyslogMessages(t *testing.T) {
	tests := []struct{ tag, message, want string }{
		{"sshd[1]", "Accepted password for alice from 192.0.2.1 port 40022 ssh2",
			"event.action=ssh_login event.outcome=success ssh.auth_method=password user.name=alice source.ip=192.0.2.1 source.port=40022"},
		{"sshd[1]", "Accepted publickey for alice from 2001:db8::1 port 22 ssh2: ED25519 SHA256:abc/from x",
			"event.action=ssh_login event.outcome=success ssh.auth_method=publickey user.name=alice source.ip=2001:db8::1 source.port=22"},
		{"sshd-session[1]", "Failed keyboard-interactive/pam for invalid user admin from 192.0.2.1 port 22 ssh2 [preauth]",
			"event.action=ssh_login event.outcome=failure ssh.auth_method=keyboard-interactive/pam ssh.invalid_user=true user.name=admin source.ip=192.0.2.1 source.port=22"},
		{"sshd[1]", "Failed password for invalid user root from 10.9.9.9 port 1 ssh2 from 192.0.2.1 port 22 ssh2",
			"event.action=ssh_login event.outcome=failure ssh.auth_method=password ssh.invalid_user=true user.name=root from 10.9.9.9 port 1 ssh2 source.ip=192.0.2.1 source.port=22"},
		{"sshd[1]", "Failed password for invalid user  from 192.0.2.1 port 22 ssh2",
			"event.action=ssh_login event.outcome=failure ssh.auth_method=password ssh.invalid_user=true source.ip=192.0.2.1 source.port=22"},
		{"sshd[1]", "message repeated 2 times: [ Failed password for root from 192.0.2.1 port 22 ssh2]",
			"event.repeated=2 event.action=ssh_login event.outcome=failure ssh.auth_method=password user.name=root source.ip=192.0.2.1 source.port=22"},
		{"sshd[1]", "Invalid user a from b from 192.0.2.1",
			"event.action=ssh_invalid_user event.outcome=failure ssh.invalid_user=true user.name=a from b source.ip=192.0.2.1"},
		{"sshd[1]", "Invalid user  from 192.0.2.1 port 7",
			"event.action=ssh_invalid_user event.outcome=failure ssh.invalid_user=true source.ip=192.0.2.1 source.port=7"},
		{"sshd[1]", "input_userauth_request: invalid user admin [preauth]",
			"event.action=ssh_invalid_user event.outcome=failure ssh.invalid_user=true user.name=admin"},
		{"sshd[1]", "error: maximum authentication attempts exceeded for invalid user pi from 192.0.2.1 port 7 ssh2 [preauth]",
			"event.action=ssh_max_auth_tries event.outcome=failure ssh.invalid_user=true user.name=pi source.ip=192.0.2.1 source.port=7"},
		{"sshd[1]", "Connection closed by 192.0.2.1 [preauth]", "event.action=ssh_disconnect source.ip=192.0.2.1"},
		{"sshd[1]", "Connection closed by invalid user x 10.9.9.9 port 1 192.0.2.1 port 7 [preauth]",
			"event.action=ssh_disconnect ssh.invalid_user=true user.name=x 10.9.9.9 port 1 source.ip=192.0.2.1 source.port=7"},
		{"sshd[1]", "Connection reset by authenticating user root 192.0.2.1 port 7 [preauth]",
			"event.action=ssh_disconnect user.name=root source.ip=192.0.2.1 source.port=7"},
		{"sshd[1]", "Connection reset by peer", "event.action=ssh_disconnect"},
		{"sshd[1]", "Disconnected from user alice 192.0.2.1 port 7",
			"event.action=ssh_disconnect user.name=alice source.ip=192.0.2.1 source.port=7"},
		{"sshd[1]", "Received disconnect from 192.0.2.1: 11: Bye Bye [preauth]",
			"event.action=ssh_disconnect ssh.reason=Bye Bye source.ip=192.0.2.1"},
		{"sshd[1]", "Received disconnect from 192.0.2.1 port 7:11: disconnected by user",
			"event.action=ssh_disconnect ssh.reason=disconnected by user source.ip=192.0.2.1 source.port=7"},
		{"sshd[1]", "Disconnecting authenticating user root 192.0.2.1 port 7: Too many authentication failures [preauth]",
			"event.action=ssh_disconnect ssh.reason=Too many authentication failures user.name=root source.ip=192.0.2.1 source.port=7"},
		{"sshd[1]", "Connection from 192.0.2.1 port 7 on 10.0.0.1 port 22 rdomain \"\"",
			"event.action=ssh_connect source.ip=192.0.2.1 source.port=7"},
		{"sshd[1]", "fatal: Timeout before authentication for 192.0.2.1 port 7",
			"event.action=ssh_timeout event.outcome=failure source.ip=192.0.2.1 source.port=7"},
		{"sshd[1]", "reverse mapping checking getaddrinfo for a.example [192.0.2.1] failed - POSSIBLE BREAK-IN ATTEMPT!",
			"event.action=ssh_reverse_mapping event.outcome=failure source.domain=a.example source.ip=192.0.2.1"},
		{"sshd[1]", "Address 192.0.2.1 maps to a.example, but this does not map back to the address.",
			"event.action=ssh_reverse_mapping event.outcome=failure source.domain=a.example source.ip=192.0.2.1"},
		{"sshd[1]", "User bob from 192.0.2.1 not allowed because not listed in AllowUsers",
			"event.action=ssh_login_denied event.outcome=failure user.name=bob source.ip=192.0.2.1 ssh.reason=not listed in AllowUsers"},
		{"sshd[1]", "Did not receive identification string from 192.0.2.1 port 7",
			"event.action=ssh_no_identification event.outcome=failure source.ip=192.0.2.1 source.port=7"},
		{"sshd[1]", `Bad protocol version identification '\026\003 from 10.9.9.9 port 1' from 192.0.2.1 port 7`,
			"event.action=ssh_bad_protocol event.outcome=failure source.ip=192.0.2.1 source.port=7"},
		{"sshd[1]", "Unable to negotiate with 192.0.2.1 port 7: no matching cipher found. Their offer: x [preauth]",
			"event.action=ssh_negotiation event.outcome=failure source.ip=192.0.2.1 source.port=7 ssh.reason=no matching cipher found. Their offer: x"},
		{"sshd[1]", "Server listening on 0.0.0.0 port 22.", ""},
		{"sshd[1]", "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root rhost=x",
			"event.action=pam_authentication event.outcome=failure user.name=root rhost=x source.ip=192.0.2.1"},
		{"sshd(pam_unix)[1]", "authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=a.example ",
			"event.action=pam_authentication event.outcome=failure source.domain=a.example"},
		{"sshd[1]", "PAM 5 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root",
			"event.action=pam_authentication event.outcome=failure event.repeated=5 user.name=root source.ip=192.0.2.1"},
		{"sshd[1]", "pam_unix(sshd:auth): check pass; user unknown", "event.action=pam_unknown_user event.outcome=failure"},
		{"CRON[1]", "pam_unix(cron:session): session opened for user root by (uid=0)",
			"event.action=session_opened event.outcome=success user.name=root"},
		{"sudo", "pam_unix(sudo:session): session opened for user root(uid=0) by alice(uid=1000)",
			"event.action=session_opened event.outcome=success user.name=alice user.effective.name=root"},
		{"su(pam_unix)[2]", "session closed for user news", "event.action=session_closed user.name=news"},
		{"sudo", "   alice : TTY=pts/0 ; PWD=/home/a b ; USER=root ; COMMAND=/bin/sh -c a ; b",
			"event.action=sudo_command event.outcome=success user.name=alice process.working_directory=/home/a b user.effective.name=root process.command_line=/bin/sh -c a ; b"},
		{"sudo", "bob : user NOT in sudoers ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
			"event.action=sudo_command event.outcome=failure user.name=bob process.working_directory=/ user.effective.name=root process.command_line=/bin/ls"},
		{"su[3]", "Successful su for root by alice", "event.action=su event.outcome=success user.name=alice user.effective.name=root"},
		{"su[3]", "- /dev/pts/0 alice:root", "event.action=su event.outcome=failure user.name=alice user.effective.name=root"},
		{"su", "FAILED SU (to root) alice on pts/0", "event.action=su event.outcome=failure user.name=alice user.effective.name=root"},
		{"su", "(to root) alice on pts/0", "event.action=su event.outcome=success user.name=alice user.effective.name=root"},
		{"/usr/sbin/cron[4]", "(root) CMD (   cd / && run-parts (x))",
			"event.action=cron_command user.name=root process.command_line=cd / && run-parts (x)"},
		{"crontab[4]", "(alice) REPLACE (alice)", "event.action=crontab_edit user.name=alice"},
		{"useradd[5]", "new user: name=eve, UID=1, GID=1, home=/home/eve, shell=/bin/sh",
			"event.action=user_created event.outcome=success user.name=eve"},
		{"usermod[5]", "add 'eve' to group 'sudo'",
			"event.action=group_member_added event.outcome=success user.name=eve group.name=sudo"},
		{"systemd-logind[6]", "New session 7 of user alice.", "event.action=logind_session_new event.outcome=success user.name=alice"},
		{"ftpd[7]", "connection from 192.0.2.1 () at Fri Jan  2 03:04:05 2026", "event.action=ftp_connect source.ip=192.0.2.1"},
		{"foo", "Accepted password for alice from 192.0.2.1 port 40022 ssh2", ""},
	}
	d := mustNew(t, &syslog, Options{})
	var e event.Event
	for _, tt := range tests {
		if err := d.Decode([]byte("Jan  2 03:04:05 gate "+tt.tag+": "+tt.message), &e); err != nil {
			t.Errorf("%s: %v", tt.message, err)
			continue
		}
		var got []string
		for _, f := range e.Fields {
			switch f.Key.Name {
			case "host.name", "process.name", "process.pid":
			case "message":
				if s := string(f.Value); s != strings.TrimRight(tt.message, " ") {
					t.Errorf("message %q, want %q", s, tt.message)
				}
			default:
				got = append(got, f.Key.Name+"="+string(f.Value))
			}
		}
		if g := strings.Join(got, " "); g != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.message, g, tt.want)
		}
	}
}

func TestText(t *testing.T) {
	tests := []struct {
		line string
		want []string
	}{
		{"2026-01-02 03:04:05 disk full", []string{"text 2026-01-02T03:04:05", `message="disk full"`}},
		{"2026-01-02 03:04:05,250 - INFO - x", []string{"text 2026-01-02T03:04:05.25", `message="INFO - x"`}},
		{"2026-01-02T03:04:05Z: x", []string{"text 2026-01-02T03:04:05", `message="x"`}},
		{"[02/Jan/2026:03:04:05 +0100] x", []string{"text 2026-01-02T02:04:05", `message="x"`}},
		{"Fri Jan  2 03:04:05 2026 x", []string{"text 2026-01-02T03:04:05", `message="x"`}},
		{"1767323045.5 x", []string{"text 2026-01-02T03:04:05.5", `message="x"`}},
		{"2026/01/02 03:04:05 +0100 x", []string{"text 2026-01-02T02:04:05", `message="x"`}},
		{"/a/b c=d&e=f", []string{"text", `message="/a/b c=d&e=f"`}},
		{"hello 2026-01-02 03:04:05", []string{"text", `message="hello 2026-01-02 03:04:05"`}},
		{"\x00\xff", []string{"text", `message="\x00\xff"`}},
		{"  ", []string{"error: no record on this line"}},
	}
	for _, tt := range tests {
		d := mustNew(t, &text, Options{}, tt.line)
		wantEvent(t, d, tt.line, tt.want...)
		wantEvent(t, d, tt.line, tt.want...) // what the first line taught must not change the second
	}
	if score, reason := text.Score(toLines("\x00\x01\x02\x03"), Options{}); score != 0 || reason != "binary data" {
		t.Errorf("binary: %v %q", score, reason)
	}
	if score, _ := text.Score(toLines("any"), Options{}); score != 0.1 {
		t.Errorf("text: %v", score)
	}
}

// TestTextEpoch: a number is a time only in a log most of whose lines start with one.
func TestTextEpoch(t *testing.T) {
	const at = "text 2026-01-02T03:04:05"
	log := []string{"1767323045 a", "1767323045.25\tb", "1767323046,c", "no time", ""}
	for _, c := range []struct {
		name   string
		sample []string
		line   string
		want   []string
	}{
		{"blank", log, "1767323045 a b", []string{at, `message="a b"`}},
		{"tab", log, "1767323045.25\tb", []string{at + ".25", `message="b"`}},
		{"comma", log, "1767323045,c", []string{at, `message="c"`}},
		{"colon", log, "1767323045: c", []string{at, `message="c"`}},
		{"milliseconds", log, "1767323045250|c", []string{at + ".25", `message="c"`}},
		{"letters follow", log, "1767323045a b", []string{"text", `message="1767323045a b"`}},
		{"nothing follows", log, "1767323045", []string{"text", `message="1767323045"`}},
		{"an address follows", log, "1767323045:80 b", []string{"text", `message="1767323045:80 b"`}},
		{"out of range", log, "9767323045 b", []string{"text", `message="9767323045 b"`}},
		{"two points", log, "1767323045.2.5 b", []string{"text", `message="1767323045.2.5 b"`}},
		{"short", log, "12345 b", []string{"text", `message="12345 b"`}},
		{"written among epochs", log, "2026-01-02 03:04:05 x", []string{at, `message="x"`}},
		{"payloads", []string{"1767323045 union select", "x", "y"}, "1767323045 union select",
			[]string{"text", `message="1767323045 union select"`}},
		{"payload with letters", []string{"1767323045abc", "1767323046def"}, "1767323045 x", []string{"text", `message="1767323045 x"`}},
		{"half", []string{"1767323045 a", "b"}, "1767323045 a", []string{"text", `message="1767323045 a"`}},
		{"no sample", nil, "1767323045 a", []string{"text", `message="1767323045 a"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := mustNew(t, &text, Options{}, c.sample...)
			wantEvent(t, d, c.line, c.want...)
			wantEvent(t, d.Fork(event.NewKeys()), c.line, c.want...)
		})
	}
}

func BenchmarkSyslog(b *testing.B) {
	for name, s := range map[string]string{
		"sshd":  "Jan  2 03:04:05 gate sshd[4711]: Failed password for invalid user admin from 203.0.113.7 port 40022 ssh2",
		"plain": "Jan  2 03:04:05 gate foo[4711]: the quick brown fox jumps over the lazy dog",
		"5424":  `<165>1 2026-01-02T03:04:05Z gate app - ID47 [ex@1 a="b" c="d e"] hello world`,
	} {
		b.Run(name, func(b *testing.B) { benchmarkDecoder(b, mustNew(b, &syslog, Options{}), s) })
	}
}

func BenchmarkText(b *testing.B) {
	benchmarkDecoder(b, mustNew(b, &text, Options{}), "2026-01-02 03:04:05,250 INFO the quick brown fox jumps over the lazy dog")
}

func benchmarkDecoder(b *testing.B, d Decoder, s string) {
	line := []byte(s)
	var e event.Event
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(line, &e); err != nil {
			b.Fatal(err)
		}
	}
}
