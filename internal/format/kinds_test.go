package format

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/internal/event"
	"weir/internal/source"
)

const (
	trailLine = `{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","accountId":"123456789012","sessionContext":{"sessionIssuer":{"userName":"deploy"}}},"eventTime":"2026-03-01T02:03:04Z","eventSource":"iam.amazonaws.com","eventName":"CreateAccessKey","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","userAgent":"aws-cli/2","errorCode":"AccessDenied","requestParameters":{"userName":"x"}}`
	diaryLine = `{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1772330584000000","_HOSTNAME":"gate","PRIORITY":"6","SYSLOG_IDENTIFIER":"sshd","MESSAGE":"Failed password for root from 203.0.113.7 port 40022 ssh2","_PID":"4711","_SYSTEMD_UNIT":"ssh.service"}`
	winLine   = `{"Event":{"System":{"Provider":{"#attributes":{"Name":"Security-Auditing"}},"EventID":4625,"Channel":"Security","Computer":"DC1","TimeCreated":{"#attributes":{"SystemTime":"2026-03-01T02:03:04.5Z"}}},"EventData":{"TargetUserName":"bob","IpAddress":"203.0.113.7","IpPort":"-","LogonType":3}}}`
	vpcLine   = `2 123456789010 eni-1 172.31.16.139 203.0.113.12 20641 22 6 20 4249 1772330584 1772330644 REJECT OK`
	iisHeader = `#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status`
	iisLine   = `2026-03-01 02:03:04 10.0.0.5 POST /login.aspx id=1 443 - 203.0.113.7 Mozilla/5.0+(X11;%20Linux) 302`
)

func TestKindsOfRecords(t *testing.T) {
	pacific := time.FixedZone("", -8*3600)
	for _, tt := range []struct {
		kind   string
		sample []string
		want   string
	}{
		{"cloudtrail", []string{trailLine}, `aws.cloudtrail 2026-03-01T02:03:04 aws.cloudtrail.eventVersion=1.08 aws.cloudtrail.userIdentity.type=AssumedRole cloud.account.id=123456789012 user.name=deploy ` +
			`event.provider=iam.amazonaws.com event.action=CreateAccessKey cloud.region=us-east-1 source.ip=203.0.113.7 user_agent.original=aws-cli/2 error.code=AccessDenied ` +
			`aws.cloudtrail.requestParameters.userName=x event.outcome=failure`},
		{"journald", []string{diaryLine}, `syslog 2026-03-01T02:03:04 journald.__CURSOR=s=1 host.name=gate log.syslog.severity.code=6 process.name=sshd process.pid=4711 journald._SYSTEMD_UNIT=ssh.service ` +
			`event.action=ssh_login event.outcome=failure ssh.auth_method=password user.name=root source.ip=203.0.113.7 source.port=40022 message=Failed password for root from 203.0.113.7 port 40022 ssh2`},
		{"winevent", []string{winLine}, `winlog 2026-03-01T02:03:04.5 event.provider=Security-Auditing event.code=4625 winlog.channel=Security host.name=DC1 user.name=bob source.ip=203.0.113.7 winlog.event_data.LogonType=3`},
		{"vpcflow", []string{vpcLine}, `aws.vpcflow 2026-03-01T02:03:04 aws.vpcflow.version=2 cloud.account.id=123456789010 aws.vpcflow.interface_id=eni-1 source.ip=172.31.16.139 destination.ip=203.0.113.12 source.port=20641 ` +
			`destination.port=22 network.transport=tcp source.packets=20 source.bytes=4249 event.end=1772330644 event.action=REJECT aws.vpcflow.log_status=OK`},
		{"vpcflow", []string{"start srcaddr dstaddr protocol pkt-srcaddr flow-direction", "1772330584 172.31.16.139 - 47 10.0.0.9 egress"},
			`aws.vpcflow 2026-03-01T02:03:04 source.ip=172.31.16.139 network.iana_number=47 source.nat.ip=10.0.0.9 network.direction=egress`},
		{"w3c", []string{"#Software: IIS", iisHeader, iisLine}, `w3c 2026-03-01T02:03:04 destination.ip=10.0.0.5 http.request.method=POST url.path=/login.aspx url.query=id=1 destination.port=443 source.ip=203.0.113.7 ` +
			`user_agent.original=Mozilla/5.0 (X11; Linux) http.response.status_code=302`},
		{"w3c", []string{"#Date: 2026-03-01 00:00:00", "#Fields: time c-ip cs(Host)", "02:03:04\t203.0.113.7\tshop.example"}, `w3c 2026-03-01T02:03:04 source.ip=203.0.113.7 url.domain=shop.example`},
	} {
		o := Options{Zone: pacific} // of which none of these makes use: their times are UTC
		found, err := Detect(toLines(tt.sample...), o)
		if err != nil {
			t.Errorf("%s: %v", tt.kind, err)
			continue
		}
		if found.Format.Name != tt.kind {
			t.Errorf("%s was taken for %s", tt.kind, found.Format.Name)
			continue
		}
		d := mustNew(t, found.Format, o, tt.sample...)
		var e event.Event
		for _, line := range tt.sample[:len(tt.sample)-1] {
			if err := d.Decode([]byte(line), &e); err != ErrSkip {
				t.Errorf("%s: %q: %v", tt.kind, line, err)
			}
		}
		fork := d.Fork(event.NewKeys())
		if err := fork.Decode([]byte(tt.sample[len(tt.sample)-1]), &e); err != nil {
			t.Errorf("%s: %v", tt.kind, err)
			continue
		}
		got := e.Dataset + " " + strings.TrimSuffix(time.Unix(0, e.Time).UTC().Format(time.RFC3339Nano), "Z")
		for _, f := range e.Fields {
			got += fmt.Sprintf(" %s=%s", f.Key.Name, f.Value)
		}
		if got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.kind, got, tt.want)
		}
	}
}

func TestWordsFaults(t *testing.T) {
	d := mustNew(t, &w3c, Options{}, iisHeader)
	var e event.Event
	if err := d.Decode([]byte(iisLine), &e); err != errNoHeader {
		t.Errorf("before a header: %v", err)
	}
	if err := d.Decode([]byte("#Fields: c-ip sc-status"), &e); err != ErrSkip {
		t.Errorf("header: %v", err)
	}
	for line, want := range map[string]error{"10.0.0.1": errWordsFew, "10.0.0.1 200 7": errWordsMany, "10.0.0.1 200 ": nil, "": ErrSkip, "#Remark: x": ErrSkip} {
		if err := d.Decode([]byte(line), &e); err != want {
			t.Errorf("%q: %v, want %v", line, err, want)
		}
	}
	if err := d.Decode([]byte("#Fields: "+strings.Repeat("x ", 5000)), &e); err != errWordsHeader {
		t.Errorf("a header of 5,000 columns: %v", err)
	}
}

// TestNotTheseKinds: logs that only look alike stay what they were.
func TestNotTheseKinds(t *testing.T) {
	for want, sample := range map[string]string{
		"ndjson": `{"eventTime":"2026-03-01T02:03:04Z","eventName":"x","message":"y"}`,
		"text":   "version of the srcaddr and dstaddr protocol",
		"csv":    "srcaddr,dstaddr,bytes,start\n10.0.0.1,10.0.0.2,5,1772330584",
	} {
		found, err := Detect(toLines(strings.Split(sample, "\n")...), Options{})
		if err != nil || found.Format.Name != want {
			t.Errorf("%s: %v, %v", want, found.Format, err)
		}
	}
}

// TestFileOfRecords reads CloudTrail as AWS writes it: one line of many records.
func TestFileOfRecords(t *testing.T) {
	text := `{"Records":[` + strings.Repeat(trailLine+",", 2000) + trailLine + `]}`
	events, summary, err := scanAll(t, ScanOptions{}, source.Bytes("trail.json.gz", gz(t, []byte(text))))
	if err != nil || len(events) != 2001 || summary.Files[0].Format != "cloudtrail" || summary.Files[0].Lines != 2001 {
		t.Errorf("%d events, %+v, %v", len(events), summary.Files, err)
	}
}

func FuzzWords(f *testing.F) {
	f.Add([]byte(iisHeader), []byte(iisLine))
	f.Add([]byte("#Date: 2026-03-01 x"), []byte("#Fields: time"))
	f.Add([]byte("start srcaddr dstaddr"), []byte(vpcLine))
	f.Fuzz(func(t *testing.T, header, line []byte) {
		for _, k := range []*Format{&w3c, &vpcflow} {
			d := mustNew(t, k, Options{})
			var e event.Event
			_ = d.Decode(header, &e)
			lawOfDecoding(t, d, line)
		}
	})
}

func FuzzKinds(f *testing.F) {
	for _, s := range []string{trailLine, diaryLine, winLine} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		for _, k := range []*Format{&cloudtrail, &journald, &winevent} {
			lawOfDecoding(t, mustNew(t, k, Options{}), line)
		}
	})
}
