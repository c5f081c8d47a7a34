// Command weir separates the good from the bad in security data. See the README.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"weir/internal/engine"
	"weir/internal/hdfs"
)

func main() {
	stops := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		stops = append(stops, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), stops...)
	defer stop()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(20) // most memory holds no pointers, so that collecting often costs little
	}
	os.Exit(run(ctx, os.Stdin, os.Stdout, os.Stderr, os.Args[1:]))
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // the work could not be done
	exitUsage  = 2 // the command line made no sense
)

// A usageError is the user's to mend on the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// A hint is an error with a line that says what to do next.
type hint struct {
	error
	next string
}

func (h hint) Unwrap() error { return h.error }

func hintf(err error, format string, args ...any) error {
	return hint{err, fmt.Sprintf(format, args...)}
}

// run is the whole program.
func run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) int {
	io := &streams{in: stdin, out: stdout, err: stderr}
	defer io.hdfs.Close()
	root := newRoot(io)
	root.SetArgs(spreadLabels(args))
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if cmd == root && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		err = noCommand(root, args[0]) // and not what is wrong with its flags
	}
	if err == nil {
		return exitOK
	}
	var path *fs.PathError
	if errors.As(err, &path) && path.Path == os.Stdout.Name() && errors.Is(path, syscall.EPIPE) {
		return exitOK // the reader has seen enough
	}
	if ctx.Err() != nil { // whatever it fails by then: pipes are closed, and records cut off
		why := ""
		if !errors.Is(err, context.Canceled) {
			why = ": " + clean(err.Error())
		}
		fmt.Fprintln(stderr, engine.Stopped+why)
		return exitFailed
	}
	fmt.Fprintf(stderr, "weir: %s\n", clean(err.Error()))
	var h hint
	if errors.As(err, &h) {
		fmt.Fprintf(stderr, "  %s\n", clean(h.next))
	}
	var u usageError
	if errors.As(err, &u) {
		fmt.Fprintf(stderr, "  '%s --help' shows how to call it\n", cmd.CommandPath())
		return exitUsage
	}
	return exitFailed
}

// noCommand says that there is no such command, and which are written alike.
func noCommand(root *cobra.Command, name string) error {
	err := usagef("there is no command %q", name)
	if alike := root.SuggestionsFor(name); len(alike) > 0 {
		err = usagef("there is no command %q; did you mean %s?", name, strings.Join(alike, " or "))
	}
	return err
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
	hdfs     hdfs.Cluster // connections to what hdfs:// names
	job      *job         // set below 'weir job': what runs on an engine
}

func newRoot(s *streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "weir",
		Short: "separate the good from the bad in security data",
		Long: `weir separates the good from the bad in security data.

You know when it happened and want to know what was done:

  weir hunt --window "2026-03-01 02:10/2026-03-01 04:30" /var/log/nginx

weir takes the window as suspicious and everything else in the logs as known good, and shows what does not belong, with
its reasons. 'weir demo' shows it on a generated break-in.

You have examples of good and bad and want to judge other logs:

  weir train --good good.log --bad bad.log --filter web.weir
  weir score --filter web.weir access.log`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return nil // run says that there is no such command
			}
			return cmd.Help()
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newHunt(s), newCampaigns(s), newRelated(s), newFormats(s), newScenario(s), newDemo(s),
		newTrain(s), newScore(s), newExplain(s), newLearn(s), newEvaluate(s), newPolicy(s), newCost(s), newReplay(s),
		newBeacons(s), newCluster(s), newExport(s), newLabel(s), newMark(s), newUnmark(s), newMarks(s),
		newIngest(s), newStatus(s), newQuery(s), newVerify(s), newForget(s), newJob(s), newMap(s), newReduce(s))
	return root
}
