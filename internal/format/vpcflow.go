package format

import (
	"bytes"
	"strings"

	"weir/internal/event"
)

// vpcflow reads the flow logs of AWS VPCs as they lie in S3 (with a header) or come from CloudWatch (without one, in the order
// of version 2).
var vpcflow = Format{
	Name:  "vpcflow",
	Title: "AWS VPC flow logs, of any columns with their header, or of version 2 without one",
	Fields: []string{"source.ip", "source.port", "destination.ip", "destination.port", "network.transport", "source.bytes", "source.packets",
		"event.action", "cloud.account.id", "aws.vpcflow.*"},
	Example: "2 123456789010 eni-1235b8ca123456789 172.31.16.139 203.0.113.12 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
	Score: func(sample [][]byte, o Options) (float64, string) {
		if !hasHeader(sample, vpcHeader) && !likeVersion2(sample) {
			return 0, "neither a header of flow logs nor the columns of version 2"
		}
		return scoreWords(sample, &vpcKind, o)
	},
	New: func(_ [][]byte, o Options, keys *event.Keys) (Decoder, error) {
		return newWords(&vpcKind, vpcKind.usual, o, keys), nil
	},
}

var vpcKind = wordsKind{dataset: "aws.vpcflow", header: vpcHeader, use: vpcUse, usual: vpcVersion2}

var vpcVersion2 = []string{"version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes",
	"start", "end", "action", "log-status"}

// vpcHeader takes a line for a header if it is nothing but names, some of which flow logs have in any case.
func vpcHeader(line []byte) (names []string, ok bool) {
	if len(line) < 20 || !bytes.Contains(line, []byte("addr")) || bytes.IndexByte(line, '.') >= 0 {
		return nil, false
	}
	names = strings.Fields(string(line))
	known := 0
	for _, n := range names {
		for i := 0; i < len(n); i++ {
			if c := n[i]; (c < 'a' || c > 'z') && c != '-' && !isDigit(c) {
				return nil, false
			}
		}
		if _, ok := vpcNames[n]; ok {
			known++
		}
	}
	return names, known >= 3
}

func likeVersion2(sample [][]byte) bool {
	for _, line := range sample {
		w := bytes.Fields(line)
		if len(w) != len(vpcVersion2) || string(w[0]) != "2" {
			return false
		}
		if s := string(w[len(w)-1]); s != "OK" && s != "NODATA" && s != "SKIPDATA" {
			return false
		}
	}
	return len(sample) > 0
}

var vpcNames = map[string]wordsColumn{
	"srcaddr": {name: "source.ip"}, "dstaddr": {name: "destination.ip"}, "srcport": {name: "source.port"}, "dstport": {name: "destination.port"},
	"protocol": {name: "network.transport", role: wordsProtocol}, "packets": {name: "source.packets"}, "bytes": {name: "source.bytes"},
	"start": {name: "event.start", role: wordsTime}, "end": {name: "event.end"}, "action": {name: "event.action"},
	"account-id": {name: "cloud.account.id"}, "instance-id": {name: "cloud.instance.id"}, "region": {name: "cloud.region"},
	"pkt-srcaddr": {name: "source.nat.ip"}, "pkt-dstaddr": {name: "destination.nat.ip"}, "flow-direction": {name: "network.direction"},
}

func vpcUse(column string) wordsColumn {
	if c, ok := vpcNames[column]; ok {
		return c
	}
	return wordsColumn{name: "aws.vpcflow." + strings.ReplaceAll(column, "-", "_")}
}
