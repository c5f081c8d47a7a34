package format

import (
	"bytes"

	"weir/internal/event"
)

// messageKeys are the names that the text of a syslog message gives.
type messageKeys struct {
	action, outcome, repeated, user, effective, sourceIP, sourceDomain, sourcePort *event.Key
	command, directory, group, authMethod, invalidUser, reason, message            *event.Key
}

func newMessageKeys(keys *event.Keys) messageKeys {
	return messageKeys{
		action:       keys.Get("event.action"),
		outcome:      keys.Get("event.outcome"),
		repeated:     keys.Get("event.repeated"),
		user:         keys.Get("user.name"),
		effective:    keys.Get("user.effective.name"),
		sourceIP:     keys.Get("source.ip"),
		sourceDomain: keys.Get("source.domain"),
		sourcePort:   keys.Get("source.port"),
		command:      keys.Get("process.command_line"),
		directory:    keys.Get("process.working_directory"),
		group:        keys.Get("group.name"),
		authMethod:   keys.Get("ssh.auth_method"),
		invalidUser:  keys.Get("ssh.invalid_user"),
		reason:       keys.Get("ssh.reason"),
		message:      keys.Get("message"),
	}
}

const (
	success = "success"
	failure = "failure"
)

// addMessage adds what a message says, and the message itself. Messages that are not known are only added.
func (k *messageKeys) addMessage(e *event.Event, program, module, message []byte) {
	if len(message) == 0 {
		return
	}
	body := message
	if inner, n, ok := repeated(message); ok {
		add(e, k.repeated, n)
		if body = inner; inner == nil {
			k.did(e, "message_repeated", "")
		}
	}
	switch {
	case len(module) > 0:
		k.pam(e, body)
	case bytes.HasPrefix(body, []byte("pam_")):
		if _, after, ok := bytes.Cut(body, []byte("): ")); ok {
			k.pam(e, after)
		}
	case bytes.HasPrefix(program, []byte("sshd")): // also sshd-session
		k.sshd(e, body)
	default:
		k.other(e, program, body)
	}
	e.Add(k.message, message)
}

func (k *messageKeys) other(e *event.Event, program, body []byte) {
	if i := bytes.LastIndexByte(program, '/'); i >= 0 {
		program = program[i+1:]
	}
	switch string(program) {
	case "sudo":
		k.sudo(e, body)
	case "su":
		k.su(e, body)
	case "cron", "CRON", "crond", "CROND", "crontab", "anacron":
		k.cron(e, body)
	case "useradd", "userdel", "usermod", "groupadd", "passwd", "chpasswd", "gpasswd", "adduser":
		k.account(e, body)
	case "systemd-logind":
		k.logind(e, body)
	case "ftpd", "vsftpd", "xinetd":
		if rest, ok := bytes.CutPrefix(body, []byte("connection from ")); ok {
			addr, _ := nextToken(rest)
			k.did(e, "ftp_connect", "")
			k.peer(e, addr, nil)
		}
	}
}

// repeated takes "message repeated 3 times: [ text]" and "last message repeated 3 times" apart; inner is nil for the
// latter.
func repeated(s []byte) (inner, n []byte, ok bool) {
	rest, found := bytes.CutPrefix(bytes.TrimPrefix(s, []byte("last ")), []byte("message repeated "))
	if !found {
		return nil, nil, false
	}
	n, rest = nextToken(rest)
	if !allDigits(n) || !bytes.HasPrefix(rest, []byte(" times")) {
		return nil, nil, false
	}
	if rest, found = bytes.CutPrefix(rest, []byte(" times: [ ")); found {
		inner = bytes.TrimSuffix(rest, []byte("]"))
	}
	return inner, n, true
}

// did adds an action and, unless it is empty, its outcome.
func (k *messageKeys) did(e *event.Event, action, outcome string) {
	addText(e, k.action, action)
	if outcome != "" {
		addText(e, k.outcome, outcome)
	}
}

func addText(e *event.Event, key *event.Key, s string) {
	start := len(e.Scratch)
	e.Scratch = append(e.Scratch, s...)
	e.Add(key, e.Scratch[start:len(e.Scratch):len(e.Scratch)])
}

// name adds a user's name, which may be "-" but not empty.
func name(e *event.Event, key *event.Key, v []byte) {
	if len(v) > 0 {
		e.Add(key, v)
	}
}

func (k *messageKeys) peer(e *event.Event, addr, port []byte) {
	if addr = trimBrackets(addr); isIP(addr) {
		e.Add(k.sourceIP, addr)
	} else if !isUnset(addr) && string(addr) != "UNKNOWN" {
		e.Add(k.sourceDomain, addr)
	}
	add(e, k.sourcePort, port)
}

// pam reads what the modules of PAM write. Who is being logged in comes last and may hold anything.
func (k *messageKeys) pam(e *event.Event, s []byte) {
	switch {
	case bytes.HasPrefix(s, []byte("authentication failure;")):
		k.did(e, "pam_authentication", failure)
		k.pamFields(e, s)
	case bytes.HasPrefix(s, []byte("check pass; user unknown")):
		k.did(e, "pam_unknown_user", failure)
	case bytes.HasPrefix(s, []byte("session opened for user ")):
		k.did(e, "session_opened", success)
		who, by := s[len("session opened for user "):], []byte(nil)
		if i := bytes.LastIndex(who, []byte(" by ")); i >= 0 {
			who, by = who[:i], cutUID(who[i+4:])
		}
		if who = cutUID(who); len(by) > 0 && !bytes.Equal(by, who) {
			name(e, k.user, by)
			name(e, k.effective, who)
		} else {
			name(e, k.user, who)
		}
	case bytes.HasPrefix(s, []byte("session closed for user ")):
		k.did(e, "session_closed", "")
		name(e, k.user, s[len("session closed for user "):])
	case bytes.HasPrefix(s, []byte("password changed for ")):
		k.did(e, "password_changed", success)
		name(e, k.user, s[len("password changed for "):])
	}
}

// cutUID takes "(uid=0)" off a name.
func cutUID(s []byte) []byte {
	if i := bytes.LastIndex(s, []byte("(uid=")); i >= 0 {
		return s[:i]
	}
	return s
}

// pamFields reads "logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root".
func (k *messageKeys) pamFields(e *event.Event, s []byte) {
	i := bytes.Index(s, []byte(" rhost="))
	if i < 0 {
		return
	}
	host, rest := s[i+7:], []byte(nil)
	if j := bytes.IndexByte(host, ' '); j >= 0 {
		host, rest = host[:j], host[j:]
	}
	if i := bytes.Index(rest, []byte(" user=")); i >= 0 {
		name(e, k.user, rest[i+6:])
	}
	k.peer(e, host, nil)
}

// sudo reads "alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/bin/ls", where a complaint may stand before
// TTY.
func (k *messageKeys) sudo(e *event.Event, s []byte) {
	who, rest, ok := bytes.Cut(s, []byte(" : "))
	i := bytes.Index(rest, []byte("TTY="))
	if !ok || i < 0 && !bytes.Contains(rest, []byte("COMMAND=")) {
		return
	}
	outcome := success
	if i > 0 {
		outcome = failure // "3 incorrect password attempts ; ", "user NOT in sudoers ; ", "command not allowed ; "
	}
	k.did(e, "sudo_command", outcome)
	name(e, k.user, bytes.TrimLeft(who, " "))
	for len(rest) > 0 {
		if command, ok := bytes.CutPrefix(rest, []byte("COMMAND=")); ok {
			name(e, k.command, command)
			return
		}
		var part []byte
		part, rest, _ = bytes.Cut(rest, []byte(" ; "))
		if v, ok := bytes.CutPrefix(part, []byte("PWD=")); ok {
			name(e, k.directory, v)
		} else if v, ok := bytes.CutPrefix(part, []byte("USER=")); ok {
			name(e, k.effective, v)
		}
	}
}

// su reads "Successful su for root by alice", "FAILED SU (to root) alice on pts/0", "(to root) alice on pts/0" and
// "+ /dev/pts/0 alice:root", of which - is the failure.
func (k *messageKeys) su(e *event.Event, s []byte) {
	var who, to []byte
	outcome := success
	switch {
	case bytes.HasPrefix(s, []byte("Successful su for ")):
		to, who, _ = bytes.Cut(s[len("Successful su for "):], []byte(" by "))
	case bytes.HasPrefix(s, []byte("FAILED su for ")):
		outcome = failure
		to, who, _ = bytes.Cut(s[len("FAILED su for "):], []byte(" by "))
	case bytes.HasPrefix(s, []byte("+ ")), bytes.HasPrefix(s, []byte("- ")):
		if s[0] == '-' {
			outcome = failure
		}
		_, rest := nextToken(s[2:])
		var ok bool
		if who, to, ok = bytes.Cut(bytes.TrimLeft(rest, " "), []byte(":")); !ok {
			return
		}
	default:
		rest := s
		if after, ok := bytes.CutPrefix(rest, []byte("FAILED SU ")); ok {
			rest, outcome = after, failure
		}
		rest, ok := bytes.CutPrefix(rest, []byte("(to "))
		if !ok {
			return
		}
		if to, rest, ok = bytes.Cut(rest, []byte(") ")); !ok {
			return
		}
		who = rest
		if i := bytes.LastIndex(rest, []byte(" on ")); i >= 0 {
			who = rest[:i]
		}
	}
	k.did(e, "su", outcome)
	name(e, k.user, who)
	name(e, k.effective, to)
}

// cron reads "(root) CMD (run-parts /etc/cron.hourly)" and what crontab writes: "(root) REPLACE (root)".
func (k *messageKeys) cron(e *event.Event, s []byte) {
	if len(s) == 0 || s[0] != '(' {
		return
	}
	who, rest, ok := bytes.Cut(s[1:], []byte(") "))
	verb, text, found := bytes.Cut(rest, []byte(" ("))
	if !ok || !found {
		return
	}
	switch string(verb) {
	case "CMD":
		k.did(e, "cron_command", "")
		name(e, k.user, who)
		name(e, k.command, bytes.TrimSpace(bytes.TrimSuffix(text, []byte(")"))))
	case "REPLACE", "DELETE", "BEGIN EDIT", "END EDIT":
		k.did(e, "crontab_edit", "")
		name(e, k.user, who)
	}
}

// account reads what the tools that change accounts write.
func (k *messageKeys) account(e *event.Event, s []byte) {
	for _, m := range [...]struct{ prefix, end, action string }{
		{"new user: name=", ",", "user_created"},
		{"new group: name=", ",", "group_created"},
		{"delete user '", "'", "user_deleted"},
		{"remove group '", "'", "group_deleted"},
		{"add '", "'", "group_member_added"},
		{"password changed for ", "\x00", "password_changed"},
	} {
		rest, ok := bytes.CutPrefix(s, []byte(m.prefix))
		if !ok {
			continue
		}
		who, rest, _ := bytes.Cut(rest, []byte(m.end))
		k.did(e, m.action, success)
		switch m.action {
		case "group_created", "group_deleted":
			name(e, k.group, who)
		case "group_member_added":
			name(e, k.user, who)
			if _, after, ok := bytes.Cut(rest, []byte("group '")); ok {
				name(e, k.group, bytes.TrimSuffix(after, []byte("'")))
			}
		default:
			name(e, k.user, who)
		}
		return
	}
}

// logind reads "New session 7 of user alice." and "Removed session 7."
func (k *messageKeys) logind(e *event.Event, s []byte) {
	if bytes.HasPrefix(s, []byte("Removed session ")) {
		k.did(e, "logind_session_removed", "")
		return
	}
	if bytes.HasPrefix(s, []byte("New session ")) {
		if _, who, ok := bytes.Cut(s, []byte(" of user ")); ok {
			k.did(e, "logind_session_new", success)
			name(e, k.user, bytes.TrimSuffix(who, []byte(".")))
		}
	}
}
