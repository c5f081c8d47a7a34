package format

import (
	"net/netip"
	"slices"
	"strings"
)

// A route is what the Received fields of a mail say about how it was handed over, in words: not who did, since a filter
// would learn the reader's own servers and those of his lists. Servers hand mail on within themselves and to the reader's
// program, too; such hops are left out.
type route struct {
	all   []string // of any hop, each word once
	first []string // of the hop nearest to the sender
}

// maxHops is how many Received fields are looked at.
const maxHops = 20

// localMarks are found in the fields of hops within a server, or from it to a mail program.
var localMarks = []string{"localhost", "127.0.0.1", "fetchmail", "imap", "pop3", "invoked by", "userid", "(uid ", "(from "}

// dynamicMarks are found in the names of addresses that providers lend to private customers.
var dynamicMarks = []string{"dsl", "dial", "ppp", "cable", "pool", "dyn", "client", "dhcp"}

// note takes the next Received field; fields further down are nearer to the sender.
func (r *route) note(value []byte) {
	v := lowerASCII(string(value))
	for _, mark := range localMarks {
		if strings.Contains(v, mark) {
			return
		}
	}
	r.first = hop(v)
	for _, word := range r.first {
		if !slices.Contains(r.all, word) {
			r.all = append(r.all, word)
		}
	}
}

// hop tells of
//
//	from HELO (NAME [ADDRESS]) by … with PROTOCOL …
//
// whether the peer called itself by a name or an address, whether its address has a name and the same one, what kind of
// name, and the protocol.
func hop(v string) (words []string) {
	rest, found := strings.CutPrefix(v, "from ")
	if !found {
		words = append(words, "from:none")
	} else {
		helo, rest, _ := strings.Cut(strings.TrimSpace(rest), " ")
		comment := ""
		if rest = strings.TrimSpace(rest); strings.HasPrefix(rest, "(") {
			comment, _, _ = strings.Cut(rest[1:], ") by ")
		}
		helo = strings.Trim(helo, "[]")
		if isIP([]byte(helo)) {
			words = append(words, "helo:address")
		} else {
			words = append(words, "helo:dots"+string(rune('0'+min(strings.Count(helo, "."), 3))))
		}
		if strings.Contains(comment, "unknown") {
			words = append(words, "name:unknown")
		}
		if strings.Contains(comment, "may be forged") {
			words = append(words, "name:forged")
		}
		words = append(words, peerName(helo, comment)...)
	}
	if _, with, found := strings.Cut(rest, " with "); found {
		protocol, _, _ := strings.Cut(strings.TrimSpace(with), " ")
		words = append(words, "with:"+plainHeader(protocol[:min(len(protocol), 12)]))
	} else {
		words = append(words, "with:none")
	}
	if strings.Contains(v, " for ") {
		words = append(words, "for")
	}
	return words
}

// peerName compares what the peer called itself with the names in the comment after that.
func peerName(helo, comment string) (words []string) {
	relation, dynamic := "name:none", isDynamic(helo)
	for i, name := range strings.FieldsFunc(comment, func(r rune) bool { return strings.ContainsRune(" ()[]@=,;", r) }) {
		dot := strings.LastIndexByte(name, '.')
		if _, err := netip.ParseAddr(name); err == nil || dot <= 0 || dot+2 >= len(name) || i > 8 {
			continue
		}
		dynamic = dynamic || isDynamic(name)
		switch {
		case name == helo:
			relation = "name:same"
		case relation != "name:same" && lastLabels(name) == lastLabels(helo):
			relation = "name:related"
		case relation == "name:none":
			relation = "name:other"
		}
	}
	if words = append(words, relation); dynamic {
		words = append(words, "name:dynamic")
	}
	return words
}

func isDynamic(name string) bool {
	if isIP([]byte(name)) {
		return false
	}
	digits, runs := false, 0 // three numbers in a row, as in 1-2-3-4.example.org
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case isDigit(c):
			if !digits {
				runs++
			}
			digits = true
		case c == '-' || c == '.':
			digits = false
		default:
			digits = false
			if runs < 3 {
				runs = 0
			}
		}
	}
	if runs >= 3 {
		return true
	}
	for _, mark := range dynamicMarks {
		if strings.Contains(name, mark) {
			return true
		}
	}
	return false
}

// lastLabels returns the last two labels of a host name, or three where the second is as short as co.
func lastLabels(host string) string {
	parts := strings.Split(host, ".")
	n := 2
	if len(parts) > 2 && len(parts[len(parts)-1]) == 2 && len(parts[len(parts)-2]) <= 3 {
		n = 3
	}
	return strings.Join(parts[max(0, len(parts)-n):], ".")
}

// relations tells, in words, how the addresses of a mail relate to each other.
func relations(from, replyTo, messageID string, to []string, copies int) (words []string) {
	host := func(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
	words = append(words, "to:"+string(rune('0'+min(len(to), 5))), "cc:"+string(rune('0'+min(copies, 3))))
	if slices.Contains(to, from) {
		words = append(words, "to:sender")
	}
	if len(to) > 0 && host(to[0]) == host(from) {
		words = append(words, "to:same-host")
	}
	switch {
	case replyTo == "":
		words = append(words, "reply:none")
	case replyTo == from:
		words = append(words, "reply:sender")
	case host(replyTo) == host(from):
		words = append(words, "reply:same-host")
	default:
		words = append(words, "reply:other")
	}
	id := host(strings.Trim(messageID, "<> "))
	switch {
	case messageID == "":
		words = append(words, "id:none")
	case id == host(from):
		words = append(words, "id:same-host")
	case lastLabels(id) == lastLabels(host(from)):
		words = append(words, "id:related")
	case strings.Contains(id, "."):
		words = append(words, "id:other")
	default:
		words = append(words, "id:no-host")
	}
	return words
}
