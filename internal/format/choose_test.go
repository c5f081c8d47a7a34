package format

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"weir/internal/source"
)

// manyLines returns n lines that line makes.
func manyLines(n int, line func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line(i) + "\n")
	}
	return b.String()
}

// trainingFiles are texts by name; each name starts with what it is.
var trainingFiles = map[string]string{
	"access": manyLines(30, func(i int) string {
		return fmt.Sprintf(`192.0.2.%d - - [19/May/2015:18:%02d:03 +0000] "GET /%d,a HTTP/1.1" 200 5`, i, i, i)
	}),
	"access with noise": manyLines(30, func(i int) string {
		if i%4 == 0 {
			return "\\x16\\x03 garbage, more"
		}
		return fmt.Sprintf(`192.0.2.%d - - [19/May/2015:18:%02d:03 +0000] "GET /%d HTTP/1.1" 200 5`, i, i, i)
	}),
	"zeek conn": "#separator \\x09\n#path\tconn\n#fields\tts\tuid\n#types\ttime\tstring\n1.0\tC1\n2.0\tC2\n",
	"zeek dns":  "#separator \\x09\n#path\tdns\n#fields\tts\tquery\n#types\ttime\tstring\n1.0\texample.org\n",
	"ndjson":    manyLines(10, func(i int) string { return fmt.Sprintf(`{"a":%d,"b":"x"}`, i) }),
	"prose":     "One, two, three, four, five\nto be, or not, to be, that is, the question\nthe, end, of, the, story\n1, 2, 3, 4, 5\nred, green, blue, white, black\n",
	"prose too": "Dear all\nthis is, as you see, a text\nwith lines\n",
	"params":    "name,first name\n1442431887503330\nc/ caridad, 9\n{\"a\":1}\n' or 1=1,2--\n",
	"looks csv": "alpha,beta\n1,2\n3,4\n5,6\n7,8\n",
	"bare 6":    manyLines(20, func(i int) string { return fmt.Sprintf("%d,tcp,http,SF,%d,0.%02d", i%3, 100+i, i) }),
	"bare 6b":   manyLines(20, func(i int) string { return fmt.Sprintf("%d,udp,dns,REJ,%d,0", i%3, i*i) }),
	"bare 4":    manyLines(20, func(i int) string { return fmt.Sprintf("%d,%d,%d,4", i, i, i) }),
	"bare 7":    manyLines(20, func(i int) string { return fmt.Sprintf("%d,%d,%d,4,5,6,7", i, i, i) }),
	"head 6":    "dur,proto,service,flag,bytes,rate\n" + manyLines(20, func(i int) string { return fmt.Sprintf("%d,tcp,http,SF,%d,0.%02d", i%3, 100+i, i) }),
	"head 6b":   "dur,proto,service,flag,bytes,rate\n" + manyLines(20, func(i int) string { return fmt.Sprintf("%d,udp,dns,S0,%d,0.%02d", i%3, 100+i, i) }),
	"head 3":    "proto,bytes,port\n" + manyLines(20, func(i int) string { return fmt.Sprintf("tcp,%d,%d", i, i) }),
	"head other": "kind,size,where,when_not,how,why\n" +
		manyLines(20, func(i int) string { return fmt.Sprintf("%d,udp,dns,S0,%d,0.%02d", i%3, 100+i, i) }),
	"empty":  "",
	"binary": strings.Repeat("\x00\x01\x02x\n", 100),
}

func trainingInputs(names ...string) []source.Input {
	var inputs []source.Input
	for _, name := range names {
		inputs = append(inputs, source.Bytes(name, []byte(trainingFiles[name])))
	}
	return inputs
}

func TestChoose(t *testing.T) {
	for _, tt := range []struct {
		files  string // by |
		want   string
		tables string // columns, with "h" for a header
	}{
		{"access", "access", ""},
		{"access|access with noise", "access", ""},
		{"zeek conn|zeek dns|access", "access, zeek-tsv", ""},
		{"zeek conn|zeek dns|access with noise", "access, zeek-tsv", ""},
		{"zeek conn|prose", "text", ""},
		{"ndjson|access|empty", "access, ndjson", ""},
		{"prose", "text", ""},
		{"prose|prose too", "text", ""},
		{"params|looks csv", "text", ""},
		{"looks csv|prose too", "text", ""},
		{"looks csv", "csv", "2h"},
		{"bare 6|bare 6b", "csv", "6"},
		{"bare 6|bare 7", "text", ""},
		{"bare 6|prose", "text", ""},
		{"bare 4", "text", ""},
		{"head 6|head 6b", "csv", "6h"},
		{"head 6|bare 6b", "csv", "6h"},
		{"head 6|bare 7", "csv", "6h 7"},
		{"head 6|head 3", "csv", "6h 3h"},
		{"head 6|head other", "text", ""},
		{"head 6|zeek conn", "csv, zeek-tsv", "6h"},
		{"binary|prose", "text", ""},
	} {
		c, _, err := Choose(trainingInputs(strings.Split(tt.files, "|")...), RecordLine, Options{})
		if err != nil {
			t.Errorf("%s: %v", tt.files, err)
			continue
		}
		var tables []string
		for _, table := range c.Tables {
			text := fmt.Sprint(len(table.Columns))
			if table.Header != "" {
				text += "h"
			}
			tables = append(tables, text)
		}
		if got := strings.Join(tables, " "); c.String() != tt.want || got != tt.tables {
			t.Errorf("%s: %s, tables %q; want %s, %q", tt.files, c, got, tt.want, tt.tables)
		}
		for i, again := range []string{"", "again"} { // the order of files does not matter, and what is stored is what was chosen
			stored, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			var back Choice
			if err := json.Unmarshal(stored, &back); err != nil || fmt.Sprint(back) != fmt.Sprint(*c) {
				t.Errorf("%s %s (%d): %v, %+v is stored as %+v", tt.files, again, i, err, *c, back)
			}
		}
	}
	if _, _, err := Choose(trainingInputs("empty"), RecordLine, Options{}); err == nil {
		t.Error("a format was found in an empty file")
	}
	if _, _, err := Choose(trainingInputs("prose"), RecordLine, Options{Format: "nonsense"}); err == nil {
		t.Error("there is a format called nonsense")
	}
	if c, _, _ := Choose(nil, RecordFile, Options{}); c.Record != RecordFile {
		t.Errorf("whole files: %+v", c)
	}
	if c, _, err := Choose(trainingInputs("prose"), RecordLine, Options{Format: "$remote_addr [$time_local] $status"}); err != nil ||
		c.Layout == "" || c.Formats[0] != "access" {
		t.Errorf("a layout: %+v %v", c, err)
	}
	if c, _, err := Choose(trainingInputs("bare 4"), RecordLine, Options{Format: "csv"}); err != nil || len(c.Tables) != 1 ||
		len(c.Tables[0].Columns) != 4 {
		t.Errorf("a table that the user insists on: %+v %v", c, err)
	}
}

// Each file is read like the training files, and what differs from them is told.
func TestReadAsChosen(t *testing.T) {
	for _, tt := range []struct {
		train, file string
		records     int64
		event       string // a part of the first event
		warning     string // a part; empty for none
	}{
		{"head 6|head 6b", "head 6", 20, `network.transport="tcp"`, ""},
		{"head 6|head 6b", "bare 6", 20, `network.transport="tcp"`, ""},
		{"head 6", "bare 7", 0, "", "it has 7 columns, the filter was trained on 6"},
		{"head 6", "head 3", 20, `network.transport="tcp"`, "it has 3 columns, the filter was trained on 6, missing: dur, service, flag, rate, new: port"},
		{"head 6", "head other", 20, `kind="0"`, "missing: dur"},
		{"bare 6|bare 6b", "head 6", 20, `column_2="tcp"`, "first line is a header"},
		{"bare 6|bare 6b", "bare 6", 20, `column_2="tcp"`, ""},
		{"bare 6", "zeek conn", 0, "", "it looks like zeek-tsv, but the filter was trained on csv"},
		{"zeek conn|zeek dns", "access", 0, "", "it looks like access, but the filter was trained on zeek-tsv: its lines cannot be read"},
		{"zeek conn", "prose too", 0, "", "it looks like text, but the filter was trained on zeek-tsv"},
		{"zeek conn|access", "zeek dns", 1, `zeek`, ""},
		{"zeek conn|access", "access with noise", 22, `url.path`, ""},
		{"prose|prose too", "looks csv", 5, `message="alpha,beta"`, ""},
		{"prose|prose too", "params", 5, `message`, ""},
		{"prose", "access", 30, `message=`, "it looks like access, but the filter was trained on text"},
		{"prose", "binary", 100, `message=`, "binary"},
	} {
		c, _, err := Choose(trainingInputs(strings.Split(tt.train, "|")...), RecordLine, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var o ScanOptions
		o.Workers, o.Choice = 1, c
		events, sum, _ := scanAll(t, o, trainingInputs(tt.file)...)
		f := sum.Files[0]
		if f.Records != tt.records || tt.records > 0 && !strings.Contains(events[0], tt.event) {
			t.Errorf("%s, then %s: %d records, first %q; want %d with %s", tt.train, tt.file, f.Records, append(events, "")[0], tt.records, tt.event)
		}
		warnings := strings.Join(f.Warnings, "\n")
		if (tt.warning == "") != (warnings == "") || !strings.Contains(warnings, tt.warning) || f.Err != "" {
			t.Errorf("%s, then %s: warnings %q, error %q; want %q", tt.train, tt.file, warnings, f.Err, tt.warning)
		}
	}
	var o ScanOptions
	o.Choice = &Choice{Formats: []string{"of tomorrow"}}
	if _, sum, err := scanAll(t, o, trainingInputs("prose")...); err == nil || !strings.Contains(sum.Files[0].Err, "does not know") {
		t.Errorf("an unknown format: %v", err)
	}
}
