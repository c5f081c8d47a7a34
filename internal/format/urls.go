package format

import (
	"bytes"

	"weir/internal/event"
)

// A splitURL is a request target taken apart. All parts point into the target; those that it lacks are empty.
type splitURL struct {
	Scheme []byte // http
	Domain []byte // www.example.org, without user, with neither brackets nor port
	Port   []byte
	Path   []byte // /a/b; everything where the target is neither absolute nor has a query
	Query  []byte // what follows the first ?, without it
}

// cutURL takes a request target apart: /path?query, or the absolute form http://host:port/path?query that proxies and
// scanners send. It never fails; what is not an absolute URL is a path with perhaps a query.
func cutURL(target []byte) splitURL {
	var u splitURL
	rest := target
	if i := bytes.Index(rest, []byte("://")); i > 0 && i <= 10 && isScheme(rest[:i]) {
		u.Scheme, rest = rest[:i], rest[i+3:]
		end := bytes.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		u.Domain, u.Port = cutAuthority(rest[:end])
		rest = rest[end:]
	}
	u.Path = rest
	if i := bytes.IndexByte(rest, '?'); i >= 0 {
		u.Path, u.Query = rest[:i], rest[i+1:]
	}
	return u
}

func isScheme(s []byte) bool {
	for _, c := range s {
		if !isLetter(c) && !isDigit(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return isLetter(s[0])
}

// cutAuthority takes user@host:port apart, with the brackets of an IPv6 address taken off.
func cutAuthority(a []byte) (domain, port []byte) {
	if i := bytes.LastIndexByte(a, '@'); i >= 0 {
		a = a[i+1:]
	}
	if len(a) > 0 && a[0] == '[' {
		if i := bytes.IndexByte(a, ']'); i > 0 {
			domain, a = a[1:i], a[i+1:]
			if len(a) > 1 && a[0] == ':' {
				port = a[1:]
			}
			return domain, port
		}
	}
	if i := bytes.LastIndexByte(a, ':'); i >= 0 {
		return a[:i], a[i+1:]
	}
	return a, nil
}

// urlKeys are the fields that a request target gives, in the order of [splitURL].
type urlKeys [5]*event.Key

func newURLKeys(keys *event.Keys) urlKeys {
	return urlKeys{keys.Get("url.scheme"), keys.Get("url.domain"), keys.Get("url.port"), keys.Get("url.path"), keys.Get("url.query")}
}

// add takes target apart and adds its parts to e: those that are not empty, and the domain only where e does not have
// the same one already (the Host header says it too).
func (k *urlKeys) add(e *event.Event, target []byte) {
	u := cutURL(target)
	for i, part := range [...][]byte{u.Scheme, u.Domain, u.Port, u.Path, u.Query} {
		if len(part) == 0 || i == 1 && hasValue(e, k[i], part) {
			continue
		}
		e.Add(k[i], part)
	}
}

func hasValue(e *event.Event, k *event.Key, value []byte) bool {
	for i := range e.Fields {
		if e.Fields[i].Key == k && bytes.Equal(e.Fields[i].Value, value) {
			return true
		}
	}
	return false
}
