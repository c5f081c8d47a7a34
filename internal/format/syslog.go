package format

import (
	"bytes"

	"weir/internal/event"
)

// syslog reads what syslog daemons and journalctl write: RFC 3164 lines with or without priority, the ISO times of
// rsyslog and of journalctl -o short-iso, and RFC 5424. Well-known messages (see syslog_messages.go) are taken apart.
var syslog = Format{
	Name:  "syslog",
	Title: "syslog: RFC 3164, RFC 5424, rsyslog with ISO times, journalctl short-iso; sshd, sudo, su, cron, PAM",
	Fields: []string{
		"host.name", "process.name", "process.pid", "log.syslog.facility.code", "log.syslog.severity.code",
		"log.syslog.msgid", "syslog.sd.*", "event.action", "event.outcome", "event.repeated", "user.name",
		"user.effective.name", "source.ip", "source.domain", "source.port", "process.command_line",
		"process.working_directory", "ssh.auth_method", "ssh.invalid_user", "ssh.reason", "group.name", "message",
	},
	Example: "Jan  2 03:04:05 gate sshd[4711]: Failed password for invalid user admin from 203.0.113.7 port 40022 ssh2",
	Score: func(sample [][]byte, o Options) (float64, string) {
		return scoreDecoding(sample, newSyslogDecoder(o, event.NewKeys()).Decode)
	},
	New: func(_ [][]byte, o Options, keys *event.Keys) (Decoder, error) { return newSyslogDecoder(o, keys), nil },
}

var (
	errNoStamp  = &Malformed{Reason: "no time at the start"}
	errNoTag    = &Malformed{Reason: "no host and program after the time"}
	errPriority = &Malformed{Reason: "priority out of range"}
	errHeader   = &Malformed{Reason: "RFC 5424 header incomplete"}
	errSD       = &Malformed{Reason: "structured data not closed"}
)

// maxSDNames bounds the names that one decoder takes from structured data, which its senders choose.
const maxSDNames = 256

type syslogDecoder struct {
	messageKeys
	o       Options
	keys    *event.Keys
	sdNames map[string]*event.Key
	name    []byte // of the structured data parameter at hand

	host, process, pid, facility, severity, msgID, sdOther *event.Key
}

func newSyslogDecoder(o Options, keys *event.Keys) *syslogDecoder {
	return &syslogDecoder{
		messageKeys: newMessageKeys(keys),
		o:           o,
		keys:        keys,
		sdNames:     make(map[string]*event.Key),
		host:        keys.Get("host.name"),
		process:     keys.Get("process.name"),
		pid:         keys.Get("process.pid"),
		facility:    keys.Get("log.syslog.facility.code"),
		severity:    keys.Get("log.syslog.severity.code"),
		msgID:       keys.Get("log.syslog.msgid"),
		sdOther:     keys.Get("syslog.sd.other"),
	}
}

func (d *syslogDecoder) Stateful([]byte, int64) bool { return false }

func (d *syslogDecoder) Fork(keys *event.Keys) Decoder { return newSyslogDecoder(d.o, keys) }

func (d *syslogDecoder) Decode(line []byte, e *event.Event) error {
	e.Reset()
	s := bytes.TrimRight(line, "\r\n \x00")
	if len(bytes.TrimLeft(s, " ")) == 0 || bytes.HasPrefix(s, []byte("-- ")) { // "-- Boot … --" of journalctl
		return ErrSkip
	}
	e.Dataset = "syslog"
	s, hasPriority, err := d.priority(e, s)
	if err != nil {
		return err
	}
	if len(s) > 2 && s[0] == '1' && s[1] == ' ' && (isDigit(s[2]) || s[2] == '-') {
		return d.rfc5424(e, s[2:])
	}
	s = skipSequence(s)
	n := stampLen(s)
	if n == 0 {
		return errNoStamp
	}
	ns, ok := d.o.time(s[:n])
	if !ok {
		return errBadTime
	}
	e.Time, e.HasTime = ns, true
	hostNeedsTag := isDigit(s[0]) && !hasPriority // else a time and some words would do
	s = bytes.TrimLeft(s[n:], ": ")
	return d.hostAndTag(e, s, hostNeedsTag)
}

// priority takes <34> off.
func (d *syslogDecoder) priority(e *event.Event, s []byte) (rest []byte, ok bool, err error) {
	if s[0] != '<' {
		return s, false, nil
	}
	i := bytes.IndexByte(s[:min(len(s), 5)], '>')
	if i < 2 || !allDigits(s[1:i]) {
		return s, false, errPriority
	}
	p := 0
	for _, c := range s[1:i] {
		p = p*10 + int(c-'0')
	}
	if p > 191 {
		return s, false, errPriority
	}
	addInt(e, d.facility, int64(p/8))
	addInt(e, d.severity, int64(p%8))
	return s[i+1:], true, nil
}

func addInt(e *event.Event, k *event.Key, n int64) {
	start := len(e.Scratch)
	e.Scratch = appendInt(e.Scratch, n)
	e.Add(k, e.Scratch[start:len(e.Scratch):len(e.Scratch)])
}

// skipSequence skips what routers put before the time: "123: *Mar  1 …".
func skipSequence(s []byte) []byte {
	if i := bytes.IndexByte(s[:min(len(s), 12)], ':'); i > 0 && allDigits(s[:i]) {
		s = bytes.TrimLeft(s[i+1:], " ")
	}
	if len(s) > 1 && (s[0] == '*' || s[0] == '.') && isLetter(s[1]) {
		s = s[1:]
	}
	return s
}

// stampLen returns how much of s is a time as syslog has it: "Jan  2 03:04:05", "Jan  2 2026 03:04:05.123",
// "2026-01-02T03:04:05.123+01:00" or "1767323045.123". It does not check it; 0 means that s does not start like one.
func stampLen(s []byte) int {
	if len(s) < 9 {
		return 0
	}
	if isDigit(s[0]) {
		n := bytes.IndexByte(s[:min(len(s), 48)], ' ')
		if n < 10 || !isDigit(s[n-1]) && s[n-1] != 'Z' || s[4] == '-' && n < 19 || s[4] == '/' {
			return 0
		}
		return n
	}
	if !isLetter(s[0]) || !isLetter(s[1]) || !isLetter(s[2]) || s[3] != ' ' {
		return 0
	}
	i := 3
	for range 3 { // day, perhaps a year, clock
		for i < len(s) && s[i] == ' ' {
			i++
		}
		clock := false
		for i < len(s) && (isDigit(s[i]) || s[i] == ':' && i+1 < len(s) && isDigit(s[i+1]) || clock && s[i] == '.') {
			clock = clock || s[i] == ':'
			i++
		}
		if clock {
			return i
		}
	}
	return 0
}

// hostAndTag reads "host tag[pid]: message", of which host or tag may be missing.
func (d *syslogDecoder) hostAndTag(e *event.Event, s []byte, needsTag bool) error {
	t, ok := cutTag(s)
	if !ok {
		host, rest := nextToken(s)
		rest = bytes.TrimLeft(rest, " ")
		t, ok = cutTag(rest)
		if !ok && (needsTag || len(host) == 0) || needsTag && isLevel(host) {
			return errNoTag
		}
		if ok || !bytes.HasPrefix(s, []byte("last message repeated ")) {
			add(e, d.host, host)
			s = rest
		}
	}
	if ok {
		s = t.message
		e.Add(d.process, t.name)
		add(e, d.pid, t.pid)
	}
	d.addMessage(e, t.name, t.module, s)
	return nil
}

// isLevel reports whether a word where a host would be is a level of severity: then the line is not syslog.
func isLevel(w []byte) bool {
	switch string(bytes.Trim(w, "[]:")) {
	case "TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "ERR", "FATAL", "CRITICAL", "SEVERE",
		"trace", "debug", "info", "notice", "warn", "warning", "error", "fatal", "critical":
		return true
	}
	return false
}

// A syslogTag is the program that wrote a message.
type syslogTag struct{ name, module, pid, message []byte }

// cutTag cuts "name[pid]: ", "name: ", "name(module)[pid]: " or "syslogd 1.4.1: ".
func cutTag(s []byte) (t syslogTag, ok bool) {
	const longest = 128
	i := 0
	for i < len(s) && i < longest && s[i] > ' ' && s[i] != ':' && s[i] != '[' {
		i++
	}
	if i == 0 || i == len(s) || i == longest {
		return t, false
	}
	t.name = s[:i]
	rest := s[i:]
	if rest[0] == '[' {
		j := bytes.IndexByte(rest[:min(len(rest), longest)], ']')
		if j < 0 || bytes.IndexByte(rest[:j], ' ') >= 0 || j+1 < len(rest) && rest[j+1] != ':' && rest[j+1] != ' ' {
			return t, false
		}
		t.pid, rest = rest[1:j], rest[j+1:]
	} else if rest[0] == ' ' { // a version before the colon
		version, _ := nextToken(rest)
		if len(version) < 2 || !isDigit(version[0]) || version[len(version)-1] != ':' {
			return t, false
		}
		rest = bytes.TrimLeft(rest, " ")[len(version):]
	} else if len(rest) > 1 && rest[1] != ' ' && t.pid == nil && rest[0] == ':' && !isTagEnd(rest) {
		return t, false // "::1", "12:34"
	}
	if len(rest) > 0 && rest[0] == ':' {
		rest = rest[1:]
	}
	t.message = bytes.TrimPrefix(rest, []byte(" "))
	if j := bytes.IndexByte(t.name, '('); j > 0 && t.name[len(t.name)-1] == ')' {
		t.name, t.module = t.name[:j], t.name[j+1:len(t.name)-1]
	}
	return t, true
}

// isTagEnd reports whether the colon that s starts with ends a tag although no blank follows it, as some programs
// write: then a letter follows, or another mark that no address has.
func isTagEnd(s []byte) bool {
	c := s[1]
	return c != ':' && !isDigit(c) && (c|0x20-'a' >= 6)
}

// rfc5424 reads "time host app pid msgid [structured data] message".
func (d *syslogDecoder) rfc5424(e *event.Event, s []byte) error {
	var head [5][]byte
	for i := range head {
		head[i], s = nextToken(s)
		if len(head[i]) == 0 {
			return errHeader
		}
	}
	if !isUnset(head[0]) {
		var ok bool
		if e.Time, ok = d.o.time(head[0]); !ok {
			return errBadTime
		}
		e.HasTime = true
	}
	add(e, d.host, head[1])
	add(e, d.process, head[2])
	add(e, d.pid, head[3])
	add(e, d.msgID, head[4])
	s = bytes.TrimLeft(s, " ")
	switch {
	case len(s) == 0:
		return nil
	case s[0] == '-':
		s = s[1:]
	default:
		for len(s) > 0 && s[0] == '[' {
			var err error
			if s, err = d.structuredData(e, s[1:]); err != nil {
				return err
			}
		}
	}
	s = bytes.TrimPrefix(bytes.TrimPrefix(s, []byte(" ")), []byte("\xef\xbb\xbf"))
	if len(s) > 0 {
		d.addMessage(e, head[2], nil, s)
	}
	return nil
}

// structuredData reads one element, `id name="value" …]`.
func (d *syslogDecoder) structuredData(e *event.Event, s []byte) (rest []byte, err error) {
	i := bytes.IndexAny(s, " ]")
	if i < 0 {
		return nil, errSD
	}
	id := s[:i]
	s = s[i:]
	for {
		s = bytes.TrimLeft(s, " ")
		if len(s) == 0 {
			return nil, errSD
		}
		if s[0] == ']' {
			return s[1:], nil
		}
		eq := bytes.Index(s, []byte(`="`))
		if eq <= 0 || eq > event.MaxKeyLen {
			return nil, errSD
		}
		name := s[:eq]
		s = s[eq+2:]
		end := nextQuote(s, 0)
		if end < 0 {
			return nil, errSD
		}
		if len(e.Fields) >= event.MaxFields-32 {
			return nil, errManyFields
		}
		if end > 0 {
			e.Add(d.sdKey(id, name), unescapeSD(e, s[:end]))
		}
		s = s[end+1:]
	}
}

// sdKey returns the key syslog.sd.<id>.<name>, of the first so many different ones.
func (d *syslogDecoder) sdKey(id, name []byte) *event.Key {
	d.name = append(append(append(append(d.name[:0], "syslog.sd."...), id...), '.'), name...)
	if len(d.name) > event.MaxKeyLen {
		return d.sdOther
	}
	if k, ok := d.sdNames[string(d.name)]; ok {
		return k
	}
	if len(d.sdNames) >= maxSDNames {
		return d.sdOther
	}
	k := d.keys.GetBytes(d.name)
	d.sdNames[k.Name] = k
	return k
}

// unescapeSD undoes \" \\ and \], the only escapes of RFC 5424.
func unescapeSD(e *event.Event, s []byte) []byte {
	i := bytes.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	start := len(e.Scratch)
	dst := append(e.Scratch, s[:i]...)
	for ; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\' || s[i+1] == ']') {
			i++
		}
		dst = append(dst, s[i])
	}
	e.Scratch = dst
	return dst[start:len(dst):len(dst)]
}
