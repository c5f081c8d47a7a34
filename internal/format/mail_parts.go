package format

import (
	"bytes"
	"slices"
	"strings"

	"weir/internal/event"
)

// A mailPart is what the header of a mail, or of a part of one, says about its body.
type mailPart struct {
	contentType, encoding, disposition []byte
}

func (p *mailPart) note(name string, value []byte) {
	switch name {
	case "content-type":
		p.contentType = value
	case "content-transfer-encoding":
		p.encoding = value
	case "content-disposition":
		p.disposition = value
	}
}

// mediaType returns type/subtype in lower case, or nothing.
func (p *mailPart) mediaType() string {
	t, _, _ := bytes.Cut(p.contentType, []byte{';'})
	t = bytes.TrimSpace(t)
	if i := bytes.IndexAny(t, " \t\r\n"); i >= 0 {
		t = t[:i]
	}
	return lowerASCII(string(t[:min(len(t), 80)]))
}

// parameter returns the value of a parameter of a header field, as a mail program would that forgives.
func parameter(field []byte, name string) []byte {
	for _, rest, more := bytes.Cut(field, []byte{';'}); more; {
		rest = bytes.TrimLeft(rest, " \t\r\n")
		key, value, found := bytes.Cut(rest, []byte{'='})
		if !found {
			return nil
		}
		if i := bytes.IndexByte(key, ';'); i >= 0 {
			rest = rest[i+1:]
			continue
		}
		value = bytes.TrimLeft(value, " \t\r\n")
		var v []byte
		if len(value) > 0 && value[0] == '"' {
			value = value[1:]
			i := bytes.IndexByte(value, '"')
			if i < 0 {
				i = len(value)
			}
			v = value[:i]
			_, rest, more = bytes.Cut(value[i:], []byte{';'})
		} else {
			v, rest, more = bytes.Cut(value, []byte{';'})
		}
		if strings.EqualFold(string(bytes.TrimRight(bytes.TrimSpace(key), "*")), name) {
			return bytes.TrimSpace(v)
		}
	}
	return nil
}

// walk takes the texts and the attachments of a part and those within it.
func (d *mailDecoder) walk(p *mailPart, body []byte, depth int, e *event.Event) {
	if d.parts++; d.parts > maxParts {
		return
	}
	media := p.mediaType()
	if strings.HasPrefix(media, "multipart/") && depth < maxPartDepth {
		if boundary := parameter(p.contentType, "boundary"); len(boundary) > 0 && d.multipart(boundary, body, depth, e) {
			return
		}
	}
	name := parameter(p.disposition, "filename")
	if name == nil {
		name = parameter(p.contentType, "name")
	}
	attached := strings.HasPrefix(lowerASCII(string(p.disposition[:min(len(p.disposition), 10)])), "attachment")
	isText := media == "" || !strings.Contains(media, "/") || strings.HasPrefix(media, "text/") || strings.HasPrefix(media, "multipart/")
	if (attached || len(name) > 0 || !isText) && d.attachments < maxAttachments && media != "message/rfc822" {
		d.attachments++
		name = decodeWords(name[:min(len(name), 256)])
		d.add(e, d.attachmentName, name)
		d.add(e, d.attachmentExtension, []byte(extensionOf(string(name))))
		d.add(e, d.attachmentType, []byte(media))
	}
	if media == "message/rfc822" && depth < maxPartDepth {
		d.inner(body, depth, e)
		return
	}
	if isText {
		d.addText(decodeTransfer(p.encoding, body), lowerASCII(string(parameter(p.contentType, "charset"))))
	}
}

// inner takes the mail, or the part, that starts with a header.
func (d *mailDecoder) inner(data []byte, depth int, e *event.Event) {
	var part mailPart
	h := headerReader{rest: data}
	if len(data) > 0 && (data[0] == '\n' || data[0] == '\r') { // no header at all
		_, h.rest = cutLine(data)
	} else {
		for h.next() {
			name := lowerASCII(string(h.name[:min(len(h.name), 64)]))
			part.note(name, h.value)
		}
	}
	d.walk(&part, h.rest, depth+1, e)
}

// multipart walks over the parts between the boundaries, and reports whether there are any.
func (d *mailDecoder) multipart(boundary, body []byte, depth int, e *event.Event) bool {
	mark := append([]byte("--"), boundary...)
	var part []byte
	found := false
	for rest := body; ; {
		i := nextBoundary(rest, mark)
		if i < 0 {
			if found {
				d.inner(rest, depth, e)
			}
			return found
		}
		if part = rest[:i]; found {
			d.inner(part, depth, e)
		}
		found = true
		line, after := cutLine(rest[i:])
		if bytes.HasPrefix(line[len(mark):], []byte("--")) || d.parts > maxParts {
			return true
		}
		rest = after
	}
}

// nextBoundary returns where a line starts with mark, or a negative number.
func nextBoundary(s, mark []byte) int {
	for from := 0; ; {
		i := bytes.Index(s[from:], mark)
		if i < 0 {
			return -1
		}
		if i += from; i == 0 || s[i-1] == '\n' {
			return i
		}
		from = i + 1
	}
}

// addText appends the text of a part.
func (d *mailDecoder) addText(text []byte, charset string) {
	if charset = charset[:min(len(charset), 40)]; charset != "" && len(d.charsets) < maxAttachments {
		if !slices.Contains(d.charsets, charset) {
			d.charsets = append(d.charsets, charset)
		}
	}
	if room := maxBody - len(d.text); len(text) > room {
		text = text[:max(room, 0)]
	}
	if len(text) == 0 {
		return
	}
	if len(d.text) > 0 {
		d.text = append(d.text, '\n')
	}
	d.text = appendUTF8(d.text, text, charset)
}
