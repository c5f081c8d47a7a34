package engine

import (
	"bufio"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"weir/internal/hdfs"
)

func lookPath(name string) (string, error) { return exec.LookPath(name) }

// addCounter reads a line that a task writes for Hadoop Streaming: reporter:counter:weir,NAME,N.
func addCounter(to map[string]int64, line string) bool {
	rest, ok := strings.CutPrefix(line, "reporter:counter:weir,")
	if !ok {
		return false
	}
	name, text, ok := strings.Cut(rest, ",")
	n, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil {
		return false
	}
	to[name] += n
	return true
}

// inOrder lists counters by name, that of the records first.
func inOrder(counters map[string]int64) []Counter {
	var out []Counter
	if n, ok := counters["records"]; ok {
		out = append(out, Counter{"records", n})
	}
	for _, name := range slices.Sorted(maps.Keys(counters)) {
		if name != "records" {
			out = append(out, Counter{name, counters[name]})
		}
	}
	return out
}

// maxLine bounds a line of an engine's log; longer ones are cut into several.
const maxLine = 64 << 10

// eachLine calls f with the lines of r until it ends.
func eachLine(r io.Reader, f func(line string)) {
	b := bufio.NewReaderSize(r, maxLine)
	for {
		line, _, err := b.ReadLine()
		if err != nil {
			return
		}
		f(string(line))
	}
}

// A symptom is a part of a line of Hadoop's or Spark's log, and what it means.
type symptom struct {
	part  string
	cause error
}

// plain are the symptoms that say what went wrong. The first of them that a log has is it: what stands before is the cause of what
// stands after.
var plain = []symptom{
	{"Not a valid JAR", ErrWrongJar},
	{"JAR does not exist", ErrWrongJar},
	{"java.lang.ClassNotFoundException: -", ErrWrongJar},
	{"Error opening job jar", ErrWrongJar},
	// Cannot run program ".../weir", for want of what, as the system numbers it: other programs are not weir's, and a task that is stopped
	// fails with error=0.
	{`/weir": error=2,`, ErrBinary},
	{`/weir": error=8,`, ErrBinary},
	{`/weir": error=13,`, ErrBinary},
	{"./weir: Permission denied", ErrBinary},
	{hdfs.ErrKerberos.Error(), ErrTaskLogin},        // weir's own word, on Spark
	{"Client cannot authenticate via", ErrKerberos}, // an AccessControlException
	{"GSS initiate failed", ErrKerberos},
	{"Can't get Kerberos realm", ErrKerberos},
	{"Cannot locate default realm", ErrKerberos},
	{"AccessControlException", ErrPermission},
	{"QuotaExceededException", ErrSpace},
	{"quota exceeded", ErrSpace},
	{"No space left on device", ErrSpace},
	{"No space available in any of the local directories", ErrSpace},
	{"Could not find any valid local directory", ErrSpace},
	{"could only be written to 0 of", ErrSpace},
	{"could only be replicated to 0 nodes", ErrSpace},
	{"beyond the 'PHYSICAL' memory limit", ErrMemory},
	{"beyond physical memory limits", ErrMemory},
	{"running beyond the 'VIRTUAL' memory limit", ErrMemory},
	{"OutOfMemoryError", ErrMemory},
	{"Container killed by YARN for exceeding", ErrMemory},
	{"Exec format error", ErrBinary},
	{"GLIBC_", ErrBinary},
	{"cannot execute binary file", ErrBinary},      // bash, of a program for another processor
	{"./weir: 1: ", ErrBinary},                     // dash, which takes it for a script
	{"subprocess failed with code 126", ErrBinary}, // a shell could not start it
	{"subprocess failed with code 127", ErrBinary},
	{"weir exited with 126", ErrBinary},
	{"weir exited with 127", ErrBinary},
	{"subprocess failed with code 137", ErrMemory}, // 128 + SIGKILL
	{"weir exited with 137", ErrMemory},
	{"All masters are unresponsive", ErrUnreachable},
	{"spark.driver.maxResultSize", ErrResult},
	{"failed to report status for", ErrTask},
	{"BlockMissingException", ErrBlock},
	{"SafeModeException", ErrBlock},
	{"subprocess failed with code", ErrTask},
	{"RuntimeError: weir exited with", ErrTask},
}

// faint are symptoms of what also happens to tasks that outlive their job, to attempts that run beside others, and where something is
// tried again and goes well: they mean something where a log has no plain ones.
var faint = []symptom{
	{"FileAlreadyExistsException", ErrExists},
	{"already exists", ErrExists},
	{"Permission denied", ErrPermission},
	{"Call From ", ErrUnreachable},
	{"ConnectException", ErrUnreachable},
	{"Connection refused", ErrUnreachable},
	{"UnknownHostException", ErrUnreachable},
	{"NoRouteToHostException", ErrUnreachable},
}

var symptoms = slices.Concat(plain, faint)

// stopped are parts of lines that a task leaves which is stopped, as all are when one has failed, or which is killed for memory: they
// are never why a job failed.
var stopped = []string{
	"subprocess failed with code 143", // 128 + SIGTERM
	"weir exited with 143",
	", signal: 15", // of a program that is being started
}

// diagnosis looks through the lines of a log.
type diagnosis struct {
	cause error
	rank  int
	line  string
	last  tail     // lines
	first []string // those that speak of errors
	worst tail     // and the last of them
}

// errors are the lines that speak of errors, the first and the last of them.
func (d *diagnosis) errors() []string { return slices.Concat(d.first, d.worst.lines) }

// see takes a line.
func (d *diagnosis) see(line string) {
	line = strings.TrimSpace(line)
	if line == "" {
		return
	}
	d.last.most, d.worst.most = 3, 3
	switch {
	case strings.HasPrefix(line, "at ") || strings.HasPrefix(line, "Traceback"):
	case strings.Contains(line, "Exception") || strings.Contains(line, "rror: ") || strings.Contains(line, " ERROR "):
		if len(d.first) < 3 { // what comes last is often how all the rest was shut down
			d.first = append(d.first, line)
			break
		}
		d.worst.add(line)
	default:
		d.last.add(line)
	}
	if slices.ContainsFunc(stopped, func(part string) bool { return strings.Contains(line, part) }) {
		return
	}
	for i, s := range symptoms {
		if strings.Contains(line, s.part) {
			if d.cause == nil || i < d.rank {
				d.cause, d.rank, d.line = s.cause, i, line
			}
			return
		}
	}
}

// sure reports whether a plain symptom was seen.
func (d *diagnosis) sure() bool { return d.cause != nil && d.rank < len(plain) }

// failure is what was found.
func (d *diagnosis) failure(log string) *Failure {
	if d.cause == nil {
		lines := d.errors()
		if len(lines) == 0 {
			lines = d.last.lines
		}
		return &Failure{Cause: ErrFailed, Lines: lines, Log: log}
	}
	return &Failure{Cause: d.cause, Lines: []string{d.line}, Log: log}
}
