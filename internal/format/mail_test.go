package format

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weir/internal/event"
	"weir/internal/source"
)

func decodeWhole(name, data string) string {
	var e event.Event
	newWholeDecoder(Options{}, event.NewKeys()).decode(name, []byte(data), &e)
	return show(&e)
}

func TestMail(t *testing.T) {
	for _, tt := range []struct {
		name, mail string
		want       []string
	}{
		{"plain", "From a@b.example  Thu Aug 22 12:36:23 2002\nReceived: from x by y; Thu, 22 Aug 2002 12:36:23 +0100\nReceived: from z;\n" +
			"\tWed, 21 Aug 2002 12:36:23 +0100\nDate: Mon, 1 Jan 1990 00:00:00 +0000\nFrom: \"Ann, B\" <Ann@B.example>\n" +
			"To: c@d.example, \"E, F\" <e@f.example>\nCC: g@h.example (G)\nSubject: Hi\n there\nX-Mailer: M 1.0\n\nSee http://w.example/a?b=1, ok\n",
			[]string{"mail 2002-08-22T11:36:23", `email.header.received="from x by y; Thu, 22 Aug 2002 12:36:23 +0100"`,
				`email.header.received="from z; Wed, 21 Aug 2002 12:36:23 +0100"`, `email.header.date="Mon, 1 Jan 1990 00:00:00 +0000"`,
				`email.from.address="ann@b.example"`, `email.from.name="Ann, B"`, `email.to.address="c@d.example"`, `email.to.address="e@f.example"`,
				`email.cc.address="g@h.example"`, `email.subject="Hi there"`, `email.header.x-mailer="M 1.0"`,
				`email.header_names="Received Received Date From To CC Subject X-Mailer"`, `email.body="See http://w.example/a?b=1, ok\n"`,
				`url.full="http://w.example/a?b=1"`}},
		{"encoded", "Subject: =?iso-8859-1?Q?Gr=FC=DFe?= =?UTF-8?B?4oKs?= x\r\nFrom: a@b\r\nMIME-Version: 1.0\r\nContent-Type: text/html;\r\n charset=\"windows-1252\"\r\n" +
			"Content-Transfer-Encoding: Quoted-Printable\r\n\r\n<a href=3D\"http://x.example/?a=3D1&amp;b=3D2\">=80=\r\nz</a> =zz\r\n",
			[]string{"mail", `email.subject="Grüße€ x"`, `email.from.address="a@b"`, `email.header.mime-version="1.0"`,
				`email.header_names="Subject From MIME-Version Content-Type Content-Transfer-Encoding"`, `email.header.content-transfer-encoding="Quoted-Printable"`,
				`email.content_type="text/html"`, `email.charset="windows-1252"`, `email.body="<a href=\"http://x.example/?a=1&amp;b=2\">€z</a> =zz\r\n"`,
				`url.full="http://x.example/?a=1&b=2"`}},
		{"parts", "From: a@b\nTo: c@d\nContent-Type: multipart/mixed; boundary=\"=_x\"\n\npreamble\n--=_x\nContent-Type: multipart/alternative; boundary=y\n\n" +
			"--y\n\none\n--y\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\nPGI+dHdvPC\n9iPg==\n--y--\n--=_x\n" +
			"Content-Type: application/zip; name=\"=?utf-8?Q?a=2Ezip?=\"\nContent-Disposition: attachment\n\nUEs=\n--=_x\nContent-Type: message/rfc822\n\nSubject: in\n\nthree\n--=_x--\nepilogue\n",
			[]string{"mail", `email.from.address="a@b"`, `email.to.address="c@d"`, `email.header_names="From To Content-Type"`,
				`email.content_type="multipart/mixed"`, `email.attachments.file.name="a.zip"`, `email.attachments.file.extension="zip"`,
				`email.attachments.file.mime_type="application/zip"`, `email.body="one\n\n<b>two</b>\nthree\n"`}},
		{"parts without an end", "From: a@b\nTo: c@d\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\none\n--x\ntwo, no header\n",
			[]string{"mail", `email.from.address="a@b"`, `email.to.address="c@d"`, `email.header_names="From To Content-Type"`,
				`email.content_type="multipart/mixed"`, `email.body="one\n\ntwo, no header\n"`}},
		{"no parts", "From: a@b\nTo: c@d\nContent-Type: multipart/mixed; boundary=x\n\nnothing of that sort\n",
			[]string{"mail", `email.from.address="a@b"`, `email.to.address="c@d"`, `email.header_names="From To Content-Type"`,
				`email.content_type="multipart/mixed"`, `email.body="nothing of that sort\n"`}},
		{"not base64", "From: a@b\nTo: c@d\nContent-Transfer-Encoding: base64\n\n<<<!!!>>> ((x)) ,,,,\n",
			[]string{"mail", `email.from.address="a@b"`, `email.to.address="c@d"`, `email.header.content-transfer-encoding="base64"`,
				`email.header_names="From To Content-Transfer-Encoding"`, `email.body="<<<!!!>>> ((x)) ,,,,\n"`}},
		{"no blank line", "From: a@b\nTo: c@d\nbuy now\n\nmore\n",
			[]string{"mail", `email.from.address="a@b"`, `email.to.address="c@d"`, `email.header_names="From To"`, `email.body="buy now\n\nmore\n"`}},
		{"header only", "From: a@b\nTo:\nSubject:\n", []string{"mail", `email.from.address="a@b"`, `email.header_names="From To Subject"`}},
		{"odd header", "From: a@b\nX/=: 1\nTo: <>\n\n", []string{"mail", `email.from.address="a@b"`, `email.header.other="1"`, `email.header_names="From X/= To"`}},
		{"script.PHP.gz", "<?php eval($x); // https://x.example", []string{"file", `file.extension="php"`,
			`file.content="<?php eval($x); // https://x.example"`, `url.full="https://x.example"`}},
		{"request", "GET / HTTP/1.1\nFrom: a\nDate: b\n\n", []string{"file", `file.content="GET / HTTP/1.1\nFrom: a\nDate: b\n\n"`}},
		{"u.ps1", "\xff\xfea\x00\x3d\xd8\x00\xde", []string{"file", `file.extension="ps1"`, `file.content="a😀"`}},
		{"/x.d/binary", "\x7fELF\x00\x01", []string{"file", `file.content="\x7fELF\x00\x01"`}},
		{".profile", "", []string{"file"}},
	} {
		got, want := decodeWhole(tt.name, tt.mail), strings.Join(tt.want, "\n")
		got = wayWords.ReplaceAllString(got, "") // see TestMailWay
		if got != want && sortedLines(got) != sortedLines(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, want)
		}
	}
}

var wayWords = regexp.MustCompile(`\nemail\.(relations|route|route\.first)=.*`)

// What is told of how a mail came, and of its addresses, holds no name.
func TestMailWay(t *testing.T) {
	for _, tt := range []struct{ header, relations, route, first string }{
		{"From: a@b.example\nTo: a@b.example, c@d.example\nMessage-Id: <1@mail.b.example>", "to:2 cc:0 to:sender to:same-host reply:none id:related", "", ""},
		{"From: a@b.example\nTo: c@d\nCc: e@f\nReply-To: g@b.example\nMessage-Id: <1@b.example>", "to:1 cc:1 reply:same-host id:same-host", "", ""},
		{"From: a@b.co.uk\nReply-To: g@h\nMessage-Id: <1@c.co.uk>", "to:0 cc:0 reply:other id:other", "", ""},
		{"From: a@b\nReply-To: a@b\nMessage-Id: <1>", "to:0 cc:0 reply:sender id:no-host", "", ""},
		{"Received: from localhost (localhost [127.0.0.1]) by x with IMAP\nReceived: from mail.example.org (mail.example.org [192.0.2.1])\n\tby y (8.11) with ESMTP id 1 for <z@y>; date\n" +
			"Received: from [192.0.2.9] (1-2-3-4.dsl.example.net [192.0.2.4]) by mail.example.org with SMTP id 2\nReceived: (qmail 1 invoked by uid 5); date\nFrom: a@b",
			"to:0 cc:0 reply:none id:none", "helo:dots2 name:same with:esmtp for helo:address name:other name:dynamic with:smtp", "helo:address name:other name:dynamic with:smtp"},
		{"Received: from pc (unknown [192.0.2.9]) by x; date\nReceived: from pc.a.b.example (d.b.example [192.0.2.9] (may be forged)) by x with SMTP\nReceived: by x with HTTP\nFrom: a@b", "to:0 cc:0 reply:none id:none",
			"helo:dots0 name:unknown name:none with:none helo:dots3 name:forged name:related with:smtp from:none with:http", "from:none with:http"},
	} {
		var e event.Event
		newWholeDecoder(Options{}, event.NewKeys()).decode("mail", []byte(tt.header+"\nSubject: x\nDate: y\n\ntext\n"), &e)
		for name, want := range map[string]string{"email.relations": tt.relations, "email.route": tt.route, "email.route.first": tt.first} {
			if got := string(e.Get(name)); got != want {
				t.Errorf("%s of\n%s\nis %q, want %q", name, tt.header, got, want)
			}
		}
	}
}

// A mail that is made to take long, or much room, takes neither: quadratic work would run into the time limit of all tests.
func TestHostileMails(t *testing.T) {
	header := "From: a@b\nTo: c@d\nContent-Type: multipart/mixed; boundary=x\n"
	nested := strings.Builder{}
	for i := range 2000 {
		fmt.Fprintf(&nested, "--x%d\nContent-Type: multipart/mixed; boundary=x%d\n\n", i, i+1)
	}
	for name, data := range map[string]string{
		"headers":    header + strings.Repeat("X-A: b\n", 1<<17),
		"names":      header + manyLines(1<<16, func(i int) string { return fmt.Sprintf("X-%d: b", i) }),
		"folds":      header + "X-A: b\n" + strings.Repeat(" \n\tx\n", 1<<17),
		"parts":      header + "\n" + strings.Repeat("--x\n\na\n", 1<<17),
		"nested":     strings.Replace(header, "=x", "=x0", 1) + "\n" + nested.String() + strings.Repeat("y\n", 1<<18),
		"words":      header + "Subject: " + strings.Repeat("=?a?q?", 1<<17) + "\n\n",
		"urls":       header + "\n" + strings.Repeat("http://", 1<<17),
		"urls apart": header + "\n" + manyLines(1<<15, func(i int) string { return fmt.Sprintf("http://x%d.example/", i) }),
		"addresses":  "From: a@b\nTo: " + strings.Repeat("a@b,", 1<<18) + "\n\n",
		"parameters": header[:len(header)-2] + strings.Repeat(";", 1<<19) + "\n\n",
		"boundary":   header + "\n" + strings.Repeat("--", 1<<19),
		"one line":   strings.Repeat(":", 1<<20),
		"folded":     "a:" + strings.Repeat("\n ", 1<<19),
	} {
		var e event.Event
		newWholeDecoder(Options{}, event.NewKeys()).decode(name, []byte(data)[:min(len(data), MaxFile)], &e)
		if len(e.Fields) > 400 || len(e.Scratch) > 4<<20 {
			t.Errorf("%s: %d fields, %d bytes", name, len(e.Fields), len(e.Scratch))
		}
	}
}

func FuzzWhole(f *testing.F) {
	f.Add([]byte("From: a@b\nTo: c@d\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/html; charset=utf-16\nContent-Transfer-Encoding: base64\n\nPGI+\n--x--"))
	f.Add([]byte("From a\nSubject: =?a?q?=41_?= =?b?b?QQ==?=\nDate: x\nTo: <a@b>, \"c\" <d>\n\nhttp://a/&amp; https://x.example"))
	f.Add([]byte("\xff\xfea\x00b\x00"))
	d := newWholeDecoder(Options{}, event.NewKeys())
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		var e, again event.Event
		d.decode("x.sh", data, &e)
		first := show(&e)
		newWholeDecoder(Options{}, event.NewKeys()).decode("x.sh", data, &again)
		if got := show(&again); got != first {
			t.Errorf("%q: first\n%s\nthen\n%s", data, first, got)
		}
		if !bytes.Equal(before, data) {
			t.Errorf("%q was changed to %q", before, data)
		}
		if len(e.Fields) > event.MaxFields {
			t.Errorf("%d fields", len(e.Fields))
		}
		if body := bytes.TrimSpace(data); len(body) > 0 && len(e.Fields) == 0 && !bytes.Equal(data, []byte("\xef\xbb\xbf")) && len(data) > 3 {
			t.Errorf("nothing of %q is left", data)
		}
	})
}

func TestScanFiles(t *testing.T) {
	var inputs []source.Input
	for i := range 50 {
		inputs = append(inputs, source.Bytes(fmt.Sprintf("%d.sh.gz", i), gz(t, []byte(fmt.Sprintf("echo %d\nexit\n", i)))))
	}
	inputs = append(inputs, source.Bytes("long", bytes.Repeat([]byte("line\n"), MaxFile)), source.Bytes("empty", nil),
		source.Bytes("cut.gz", gz(t, []byte(strings.Repeat("some text\n", 10000)))[:60]), source.Bytes("zip", []byte("PK\x03\x04xxxx")), source.Input{Name: "nothing"})
	var want []string
	for _, workers := range []int{1, 2, 5} {
		o := ScanOptions{Workers: workers, Record: RecordFile}
		if workers == 2 {
			o.Record, o.Choice = RecordLine, &Choice{Record: RecordFile}
		}
		events, sum, err := scanAll(t, o, inputs...)
		if err != nil {
			t.Fatal(err)
		}
		if workers == 1 {
			if !strings.HasPrefix(events[7], "7:1:0 file") || !strings.Contains(events[7], `file.content="echo 7\nexit\n"`) {
				t.Errorf("out of order: %s", events[7])
			}
			want = append(want, events...)
			slices.Sort(want)
			slices.Sort(events)
		}
		if strings.Join(events, "\n") != strings.Join(want, "\n") || len(events) != 54 {
			t.Errorf("%d workers: %d events, others than with one", workers, len(events))
		}
		for i, w := range map[int]string{50: "longer than 1 MiB", 51: "empty", 52: "ends too early", 53: ""} {
			if f := sum.Files[i]; f.Records != 1 || f.Lines != 1 || f.Format != "file" || (w == "") != (len(f.Warnings) == 0) ||
				!strings.Contains(strings.Join(f.Warnings, "\n"), w) {
				t.Errorf("%d workers, %s: %+v", workers, f.Name, f)
			}
		}
		if sum.Files[54].Err == "" || sum.Records() != 54 {
			t.Errorf("%d workers: %+v", workers, sum.Files[54])
		}
	}
}

func sortedLines(s string) string {
	lines := strings.Split(s, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
