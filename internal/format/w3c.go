package format

import (
	"bytes"
	"strings"
	"time"

	"weir/internal/event"
)

// w3c reads the W3C's extended log format (https://www.w3.org/TR/WD-logfile): the logs of IIS, of CloudFront and of many
// proxies. Their times are UTC.
var w3c = Format{
	Name:  "w3c",
	Title: "W3C extended log, with a #Fields line: IIS, CloudFront, proxies",
	Fields: []string{"source.ip", "user.name", "destination.ip", "destination.port", "http.request.method", "url.path", "url.query", "url.domain",
		"http.response.status_code", "user_agent.original", "http.request.referrer", "network.forwarded_ip", "(other names of the header)"},
	Example: "#Fields: date time c-ip cs-method cs-uri-stem cs-uri-query sc-status cs(User-Agent)",
	Score: func(sample [][]byte, o Options) (float64, string) {
		if !hasHeader(sample, w3cHeader) {
			return 0, "no #Fields line"
		}
		return scoreWords(sample, &w3cKind, utc(o))
	},
	New: func(_ [][]byte, o Options, keys *event.Keys) (Decoder, error) {
		return newWords(&w3cKind, nil, utc(o), keys), nil
	},
}

var w3cKind = wordsKind{dataset: "w3c", header: w3cHeader, use: w3cUse}

func utc(o Options) Options {
	o.Zone = time.UTC
	return o
}

func hasHeader(sample [][]byte, header func([]byte) ([]string, bool)) bool {
	for _, line := range sample {
		if _, ok := header(trimCSVLine(line)); ok {
			return true
		}
	}
	return false
}

func w3cHeader(line []byte) (names []string, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("#Fields:"))
	if !ok {
		return nil, false
	}
	return strings.Fields(string(rest)), true
}

// w3cNames are names of the extended log format that other logs do not have.
var w3cNames = map[string]string{
	"cs-host": "url.domain", "cs(host)": "url.domain", "cs-bytes": "http.request.bytes", "sc-bytes": "http.response.bytes", "x-forwarded-for": "network.forwarded_ip",
	"s-computername": "host.name", "cs-version": "http.version", "cs-protocol-version": "http.version", "cs-protocol": "url.scheme",
	"ssl-protocol": "tls.version", "ssl-cipher": "tls.cipher",
}

func w3cUse(column string) wordsColumn {
	lower := lowerASCII(column)
	name, ok := w3cNames[lower]
	if !ok {
		name = ecsName(column)
	}
	c := wordsColumn{name: name}
	switch {
	case lower == "date":
		c.role = wordsDate
	case lower == "time":
		c.role = wordsTime
	case name == "url.path" && lower != "cs-uri-stem":
		c.role = wordsURL
	case name == "user_agent.original":
		c.role = wordsAgent
	}
	return c
}
