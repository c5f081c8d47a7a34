package format

import (
	"bytes"
	"net/mail"
	"slices"
	"strings"

	"weir/internal/event"
)

// Bounds on what is taken from a mail. It is written by whoever wants to get past a filter.
const (
	maxHeaders     = 100       // fields of the header
	maxHeaderValue = 2 << 10   // bytes of one
	maxAddresses   = 16        // of one field
	maxParts       = 64        // of a multipart mail, at all depths together
	maxPartDepth   = 8         // of parts in parts
	maxBody        = 256 << 10 // bytes of text
	maxURLs        = 64
	maxURL         = 1 << 10
	maxAttachments = 16
)

// mailNames are header fields that mails have and little else has; two of them make a mail.
var mailNames = []string{"received", "from", "to", "subject", "date", "message-id", "return-path", "mime-version", "delivered-to",
	"reply-to", "x-mailer"}

// looksLikeMail reports whether data starts with the header of a mail, perhaps after the From line of a mailbox.
func looksLikeMail(data []byte) bool {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	data = data[:min(len(data), 64<<10)]
	found := make(map[string]bool)
	for n, h := 0, (headerReader{rest: data}); n < maxHeaders && h.next(); n++ {
		name := lowerASCII(string(h.name))
		if slices.Contains(mailNames, name) {
			found[name] = true
		}
		if len(found) >= 2 {
			return true
		}
	}
	return false
}

// A headerReader walks over the fields of a header.
type headerReader struct {
	rest  []byte // after the field
	name  []byte
	value []byte // with its folds
	begun bool
}

// next goes to the next field and reports whether there is one. At the end of the header rest is the body.
func (h *headerReader) next() bool {
	for {
		line, after := cutLine(h.rest)
		if len(line) == 0 {
			if h.begun || len(h.rest) == 0 {
				h.rest = after
				return false
			}
			h.rest, h.begun = after, true // one blank line at the start of a file is none that ends a header
			continue
		}
		if bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From ")) {
			h.rest, h.begun = after, true
			continue
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || bytes.ContainsFunc(bytes.TrimRight(line[:colon], " "), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return false // the body without a blank line before it
		}
		h.begun = true
		h.name = bytes.TrimRight(line[:colon], " ")
		start, end := h.rest[colon+1:], len(line)-colon-1
		for h.rest = after; len(h.rest) > 0 && (h.rest[0] == ' ' || h.rest[0] == '\t'); h.rest = after {
			if line, after = cutLine(h.rest); len(bytes.TrimSpace(line)) == 0 {
				break
			}
			end = len(start) - len(h.rest) + len(line)
		}
		h.value = bytes.TrimSpace(start[:end])
		return true
	}
}

// cutLine returns the first line of s without its end, and what comes after it.
func cutLine(s []byte) (line, after []byte) {
	line, after, _ = bytes.Cut(s, []byte{'\n'})
	return bytes.TrimSuffix(line, []byte{'\r'}), after
}

// A mailDecoder makes an event of a mail. Whatever is wrong with a mail, what can be read of it is: a part that cannot be
// decoded is taken as it stands.
type mailDecoder struct {
	o    Options
	keys *event.Keys

	subject, fromAddress, fromName, to, cc, replyTo     *event.Key
	relations, route, routeFirst                        *event.Key
	contentType, charset, names, body, url              *event.Key
	attachmentName, attachmentType, attachmentExtension *event.Key

	text        []byte // of all parts
	parts       int
	charsets    []string
	attachments int
	links       map[string]bool
}

func newMailDecoder(o Options, keys *event.Keys) mailDecoder {
	return mailDecoder{
		o: o, keys: keys, subject: keys.Get("email.subject"), fromAddress: keys.Get("email.from.address"),
		fromName: keys.Get("email.from.name"), to: keys.Get("email.to.address"), cc: keys.Get("email.cc.address"),
		replyTo: keys.Get("email.reply_to.address"), contentType: keys.Get("email.content_type"),
		charset: keys.Get("email.charset"), names: keys.Get("email.header_names"), body: keys.Get("email.body"),
		relations: keys.Get("email.relations"), route: keys.Get("email.route"), routeFirst: keys.Get("email.route.first"),
		url: keys.Get("url.full"), attachmentName: keys.Get("email.attachments.file.name"),
		attachmentType:      keys.Get("email.attachments.file.mime_type"),
		attachmentExtension: keys.Get("email.attachments.file.extension"), links: make(map[string]bool),
	}
}

// mail fills e with what a mail holds. Its time is when the last server received it, which its sender does not choose;
// else what it says itself.
func (d *mailDecoder) mail(data []byte, e *event.Event) {
	e.Dataset = "mail"
	d.text, d.parts, d.charsets, d.attachments = d.text[:0], 0, d.charsets[:0], 0
	h := headerReader{rest: bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))}
	var part mailPart
	var names, value []byte
	var way route
	var id string
	first := len(e.Fields)
	hops := 0
	for n := 0; h.next(); n++ {
		if n >= maxHeaders {
			continue // to the body
		}
		name := lowerASCII(string(h.name[:min(len(h.name), 64)]))
		names = append(append(names, h.name[:min(len(h.name), 64)]...), ' ')
		part.note(name, h.value)
		value = unfold(value[:0], h.value[:min(len(h.value), maxHeaderValue)])
		d.setTime(e, name, value)
		d.header(e, name, value)
		if name == "received" && hops < maxHops {
			hops++
			way.note(value)
		} else if name == "message-id" {
			id = lowerASCII(string(value))
		}
	}
	d.add(e, d.names, bytes.TrimSpace(names))
	d.add(e, d.relations, []byte(strings.Join(d.relate(e.Fields[first:], id), " ")))
	d.add(e, d.route, []byte(strings.Join(way.all, " ")))
	d.add(e, d.routeFirst, []byte(strings.Join(way.first, " ")))
	d.add(e, d.contentType, []byte(part.mediaType()))
	d.walk(&part, h.rest, 0, e)
	for _, c := range d.charsets {
		d.add(e, d.charset, []byte(c))
	}
	start := len(e.Scratch)
	e.Scratch = append(e.Scratch, d.text...)
	if text := e.Scratch[start:]; len(text) > 0 {
		e.Add(d.body, text)
		d.urls(text, e)
	}
}

// relate tells how the addresses among fields relate.
func (d *mailDecoder) relate(fields []event.Field, id string) []string {
	var from, replyTo string
	var to []string
	copies := 0
	for _, f := range fields {
		switch f.Key {
		case d.fromAddress:
			from = string(f.Value)
		case d.replyTo:
			replyTo = string(f.Value)
		case d.to:
			to = append(to, string(f.Value))
		case d.cc:
			copies++
		}
	}
	return relations(from, replyTo, id, to, copies)
}

// add adds a copy of value, unless it is empty.
func (d *mailDecoder) add(e *event.Event, k *event.Key, value []byte) {
	if len(value) == 0 || len(e.Fields) >= event.MaxFields {
		return
	}
	start := len(e.Scratch)
	e.Scratch = append(e.Scratch, value...)
	e.Add(k, e.Scratch[start:len(e.Scratch):len(e.Scratch)])
}

// unfold appends a field's value with its line breaks and the blanks around them made one blank.
func unfold(dst, value []byte) []byte {
	for len(value) > 0 {
		var line []byte
		line, value = cutLine(value)
		if len(dst) > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, bytes.TrimSpace(line)...)
	}
	return dst
}

func (d *mailDecoder) setTime(e *event.Event, name string, value []byte) {
	if e.HasTime || name != "received" && name != "date" {
		return
	}
	if i := bytes.LastIndexByte(value, ';'); name == "received" && i >= 0 {
		value = value[i+1:]
	}
	if t, err := mail.ParseDate(string(bytes.TrimSpace(value))); err == nil && t.Year() > 1980 && t.Year() < 2200 {
		e.Time, e.HasTime = t.UnixNano(), true
	} else if ns, ok := d.o.time(bytes.TrimSpace(value)); ok {
		e.Time, e.HasTime = ns, true
	}
}

// header adds a field of the header.
func (d *mailDecoder) header(e *event.Event, name string, value []byte) {
	switch name {
	case "subject":
		d.add(e, d.subject, decodeWords(value))
	case "from":
		name, address := splitAddress(value)
		d.add(e, d.fromAddress, lowerBytes(address))
		d.add(e, d.fromName, decodeWords(name))
	case "to":
		d.addresses(e, d.to, value)
	case "cc":
		d.addresses(e, d.cc, value)
	case "reply-to":
		d.addresses(e, d.replyTo, value)
	case "content-type":
	default:
		d.add(e, d.keys.Get("email.header."+plainHeader(name)), decodeWords(value))
	}
}

// plainHeader is a field's name, or "other" where it has what no sensible name has.
func plainHeader(name string) string {
	for i := 0; i < len(name); i++ {
		if c := name[i]; !isLetter(c) && !isDigit(c) && c != '-' && c != '_' {
			return "other"
		}
	}
	return name
}

// addresses adds the addresses of a list.
func (d *mailDecoder) addresses(e *event.Event, k *event.Key, list []byte) {
	for n := 0; len(list) > 0 && n < maxAddresses; n++ {
		var one []byte
		one, list = cutAddress(list)
		_, address := splitAddress(one)
		d.add(e, k, lowerBytes(address))
	}
}

// cutAddress cuts a list at the first comma outside of quotes and angles.
func cutAddress(list []byte) (one, rest []byte) {
	quoted, angle := false, false
	for i, c := range list {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '<' && !quoted:
			angle = true
		case c == '>' && !quoted:
			angle = false
		case c == ',' && !quoted && !angle:
			return list[:i], list[i+1:]
		}
	}
	return list, nil
}

// splitAddress returns the name and the address of "name <address>", "address (name)" or a mere address.
func splitAddress(s []byte) (name, address []byte) {
	s = bytes.TrimSpace(s)
	if i := bytes.LastIndexByte(s, '<'); i >= 0 {
		address = s[i+1:]
		if j := bytes.IndexByte(address, '>'); j >= 0 {
			address = address[:j]
		}
		return bytes.Trim(s[:i], "\" \t"), bytes.TrimSpace(address)
	}
	if i := bytes.IndexByte(s, '('); i >= 0 {
		return bytes.Trim(s[i+1:], ") \t"), bytes.TrimSpace(s[:i])
	}
	return nil, s
}

func lowerBytes(s []byte) []byte { return []byte(lowerASCII(string(s))) }

// urls adds the addresses of pages in a text, each once.
func (d *mailDecoder) urls(text []byte, e *event.Event) {
	clear(d.links)
	for len(text) > 0 && len(d.links) < maxURLs {
		i := bytes.Index(text, []byte("://"))
		if i < 0 {
			return
		}
		start := i
		for start > 0 && i-start < 8 && isLetter(text[start-1]) {
			start--
		}
		scheme := lowerASCII(string(text[start:i]))
		end := i + 3
		for end < len(text) && end-start < maxURL && text[end] > ' ' && text[end] != 0x7f && strings.IndexByte("\"'<>\\^`{|}", text[end]) < 0 {
			end++
		}
		link := bytes.TrimRight(text[start:end], ".,;:!?)]*")
		text = text[end:]
		switch {
		case strings.HasSuffix(scheme, "https"):
			link = link[len(scheme)-len("https"):]
		case strings.HasSuffix(scheme, "http"):
			link = link[len(scheme)-len("http"):]
		case scheme != "ftp":
			continue
		}
		if bytes.Contains(link, []byte("&amp;")) {
			link = bytes.ReplaceAll(link, []byte("&amp;"), []byte("&"))
		}
		if !d.links[string(link)] && len(link) > len(scheme)+3 {
			d.links[string(link)] = true
			d.add(e, d.url, link)
		}
	}
}
