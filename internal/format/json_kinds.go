package format

import (
	"bytes"
	"slices"
	"strings"

	"weir/internal/event"
)

// A jsonKind is a log of JSON objects whose names are known: they are told by some of these, and get ECS names.
type jsonKind struct {
	dataset string
	tells   []string          // dotted names, all of which most records have
	time    []string          // dotted names of the time
	names   map[string]string // dotted name to ECS name
	under   map[string]string // start of other dotted names, and what stands for it; of several the longest
	after   func(d *jsonKindDecoder, e *event.Event)
}

var cloudtrail = Format{
	Name:  "cloudtrail",
	Title: "AWS CloudTrail, as files of Records or as JSON lines",
	Fields: []string{"source.ip", "user_agent.original", "user.name", "event.action", "event.provider", "event.outcome", "cloud.region",
		"cloud.account.id", "error.code", "error.message", "aws.cloudtrail.*"},
	Example: `{"eventVersion":"1.08","eventTime":"2026-01-02T03:04:05Z","eventSource":"iam.amazonaws.com","eventName":"CreateAccessKey","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7"}`,
	Score:   cloudtrailKind.score,
	New:     cloudtrailKind.open,
}

var cloudtrailKind = &jsonKind{
	dataset: "aws.cloudtrail",
	tells:   []string{"eventTime", "eventSource", "eventName", "awsRegion"},
	time:    []string{"eventTime"},
	names: map[string]string{
		"sourceIPAddress": "source.ip", "userAgent": "user_agent.original", "eventName": "event.action", "eventSource": "event.provider",
		"awsRegion": "cloud.region", "errorCode": "error.code", "errorMessage": "error.message", "eventID": "event.id",
		"userIdentity.userName": "user.name", "userIdentity.sessionContext.sessionIssuer.userName": "user.name",
		"userIdentity.accountId": "cloud.account.id",
	},
	under: map[string]string{"": "aws.cloudtrail."},
	after: func(d *jsonKindDecoder, e *event.Event) {
		outcome := success
		for i := range e.Fields {
			if e.Fields[i].Key.Name == "error.code" {
				outcome = failure
			}
		}
		addText(e, d.message.outcome, outcome)
	},
}

var journald = Format{
	Name:  "journald",
	Title: "the systemd journal as journalctl -o json writes it; sshd, sudo, su, cron, PAM",
	Fields: []string{"host.name", "process.name", "process.pid", "process.command_line", "process.executable", "log.syslog.severity.code", "event.action",
		"event.outcome", "user.name", "source.ip", "message", "journald.*"},
	Example: `{"__REALTIME_TIMESTAMP":"1767323045000000","_HOSTNAME":"gate","SYSLOG_IDENTIFIER":"sshd","_PID":"4711","MESSAGE":"Failed password for root from 203.0.113.7 port 40022 ssh2"}`,
	Score:   journaldKind.score,
	New:     journaldKind.open,
}

var journaldKind = &jsonKind{
	dataset: "syslog",
	tells:   []string{"__REALTIME_TIMESTAMP", "MESSAGE"},
	time:    []string{"__REALTIME_TIMESTAMP"},
	names: map[string]string{
		"_HOSTNAME": "host.name", "SYSLOG_IDENTIFIER": "process.name", "_PID": "process.pid", "MESSAGE": "message",
		"_CMDLINE": "process.command_line", "_EXE": "process.executable", "_UID": "user.id", "PRIORITY": "log.syslog.severity.code",
		"SYSLOG_FACILITY": "log.syslog.facility.code",
	},
	under: map[string]string{"": "journald."},
	after: func(d *jsonKindDecoder, e *event.Event) {
		var program, message []byte
		at := -1
		for i := range e.Fields {
			switch f := &e.Fields[i]; f.Key.Name {
			case "process.name":
				program = f.Value
			case "message":
				at, message = i, f.Value
			}
		}
		if at >= 0 { // what it says comes before it, as in other syslog
			e.Fields = slices.Delete(e.Fields, at, at+1)
			d.message.addMessage(e, program, nil, message)
		}
	},
}

var winevent = Format{
	Name:  "winevent",
	Title: "Windows event logs as evtx_dump writes them in JSON lines, Sysmon's too",
	Fields: []string{"host.name", "event.code", "event.provider", "winlog.channel", "user.name", "source.ip", "source.port", "destination.ip",
		"destination.port", "process.executable", "process.command_line", "process.parent.executable", "dns.question.name", "winlog.event_data.*"},
	Example: `{"Event":{"System":{"EventID":4625,"Channel":"Security","Computer":"DC1","TimeCreated":{"#attributes":{"SystemTime":"2026-01-02T03:04:05.6Z"}}},"EventData":{"TargetUserName":"bob"}}}`,
	Score:   wineventKind.score,
	New:     wineventKind.open,
}

var wineventKind = &jsonKind{
	dataset: "winlog",
	tells:   []string{"Event.System.Channel", "Event.System.Computer"},
	time:    []string{"Event.System.TimeCreated.#attributes.SystemTime"},
	names: map[string]string{
		"Event.System.EventID": "event.code", "Event.System.EventID.#text": "event.code", "Event.System.Computer": "host.name",
		"Event.System.Channel": "winlog.channel", "Event.System.Provider.#attributes.Name": "event.provider", "Event.System.EventRecordID": "winlog.record_id",
		"Event.System.Level": "winlog.level", "Event.System.Task": "winlog.task", "Event.System.Execution.#attributes.ProcessID": "winlog.process.pid",
		"Event.EventData.TargetUserName": "user.name", "Event.EventData.User": "user.name", "Event.EventData.IpAddress": "source.ip",
		"Event.EventData.IpPort": "source.port", "Event.EventData.SourceIp": "source.ip", "Event.EventData.SourcePort": "source.port",
		"Event.EventData.DestinationIp": "destination.ip", "Event.EventData.DestinationPort": "destination.port",
		"Event.EventData.Protocol": "network.transport", "Event.EventData.NewProcessName": "process.executable", "Event.EventData.Image": "process.executable",
		"Event.EventData.ProcessName": "process.executable", "Event.EventData.CommandLine": "process.command_line",
		"Event.EventData.ParentProcessName": "process.parent.executable", "Event.EventData.ParentImage": "process.parent.executable",
		"Event.EventData.ParentCommandLine": "process.parent.command_line", "Event.EventData.QueryName": "dns.question.name",
		"Event.EventData.ServiceName": "service.name", "Event.EventData.ScriptBlockText": "powershell.file.script_block_text",
	},
	under: map[string]string{"Event.EventData.": "winlog.event_data.", "Event.UserData.": "winlog.user_data.", "Event.System.": "winlog.", "": "winlog."},
	after: func(_ *jsonKindDecoder, e *event.Event) { // - is how Windows writes that there is none
		e.Fields = slices.DeleteFunc(e.Fields, func(f event.Field) bool { return string(f.Value) == "-" })
	},
}

func (k *jsonKind) open(_ [][]byte, o Options, keys *event.Keys) (Decoder, error) {
	return newJSONKind(k, o, keys), nil
}

// score is that of the records that have the names that tell the kind.
func (k *jsonKind) score(sample [][]byte, o Options) (float64, string) {
	w := newJSONWalker(event.NewKeys(), func(dotted string) fieldUse { return fieldUse{name: dotted} })
	told, all := 0, 0
	var e event.Event
	for _, line := range sample {
		e.Reset()
		if len(bytes.TrimSpace(line)) == 0 || w.walk(line, &e) != nil {
			continue
		}
		all++
		found := 0
		for _, name := range k.tells {
			if slices.ContainsFunc(e.Fields, func(f event.Field) bool { return f.Key.Name == name }) {
				found++
			}
		}
		if found == len(k.tells) {
			told++
		}
	}
	if 2*told <= all || all == 0 {
		return 0, "most records lack " + strings.Join(k.tells, ", ")
	}
	score, reason := scoreDecoding(sample, newJSONKind(k, o, event.NewKeys()).Decode)
	return .95 * score, reason
}

// use says what becomes of a field.
func (k *jsonKind) use(dotted string) fieldUse {
	u := fieldUse{name: k.names[dotted]}
	if slices.Contains(k.time, dotted) {
		u.role = roleTime
	}
	if u.name != "" {
		return u
	}
	longest := ""
	for start := range k.under {
		if strings.HasPrefix(dotted, start) && len(start) > len(longest) {
			longest = start
		}
	}
	u.name = k.under[longest] + dotted[len(longest):]
	return u
}

type jsonKindDecoder struct {
	kind    *jsonKind
	o       Options
	walker  *jsonWalker
	message messageKeys
}

func newJSONKind(k *jsonKind, o Options, keys *event.Keys) *jsonKindDecoder {
	return &jsonKindDecoder{kind: k, o: o, walker: newJSONWalker(keys, k.use), message: newMessageKeys(keys)}
}

func (d *jsonKindDecoder) Stateful([]byte, int64) bool { return false }

// StateMark says that no line but perhaps the first is stateful.
func (d *jsonKindDecoder) StateMark() byte { return 0 }

func (d *jsonKindDecoder) Fork(keys *event.Keys) Decoder { return newJSONKind(d.kind, d.o, keys) }

func (d *jsonKindDecoder) Decode(line []byte, e *event.Event) error {
	e.Reset()
	if len(bytes.TrimSpace(line)) == 0 {
		return ErrSkip
	}
	if fault := d.walker.walk(line, e); fault != nil {
		return fault
	}
	e.Dataset = d.kind.dataset
	d.walker.stamp(e, func(s []byte) (int64, bool) { return d.o.time(s) })
	d.kind.after(d, e)
	if len(e.Fields) > event.MaxFields {
		e.Fields = e.Fields[:event.MaxFields]
		return errManyFields
	}
	return nil
}
