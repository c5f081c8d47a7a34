package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"weir/internal/format"
	"weir/internal/term"
)

func newFormats(s *streams) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "formats [--json]",
		Short: "list the log formats that weir reads, with the fields they give",
		Long: `Lists the log formats that weir reads. A log's format is detected by its content; --format NAME forces one where that
goes wrong. The fields are what --drop-where sees and what clues are named after; most follow the Elastic Common Schema.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return formatsJSON(s)
			}
			return printFormats(s)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON Lines, one format each")
	return cmd
}

// noArguments is cobra.NoArgs as a usage error.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, but got %q", cmd.Name(), args[0])
	}
	return nil
}

// formatJSON is one line of `weir formats --json`.
type formatJSON struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Fields  []string `json:"fields"`
	Example string   `json:"example"`
}

func formatsJSON(s *streams) error {
	enc := json.NewEncoder(s.out)
	enc.SetEscapeHTML(false)
	for _, f := range format.All() {
		if err := enc.Encode(formatJSON{f.Name, f.Title, f.Fields, f.Example}); err != nil {
			return err
		}
	}
	return nil
}

const exampleLines = 3 // of a format's example that are shown

func printFormats(s *streams) error {
	p := newPage(s.out)
	fmt.Fprintln(p.w, p.Bold("weir formats"))
	const indent = 12
	for _, f := range format.All() {
		lead := "  " + p.Bold(term.Pad(f.Name, indent-2))
		for _, line := range term.Wrap(f.Title, p.width-indent) {
			fmt.Fprintf(p.w, "%s%s\n", lead, line)
			lead = strings.Repeat(" ", indent)
		}
		label := "gives  "
		for _, line := range term.Wrap(strings.Join(f.Fields, ", "), p.width-indent-len(label)) {
			fmt.Fprintf(p.w, "%*s%s%s\n", indent, "", p.Dim(label), line)
			label = strings.Repeat(" ", len(label))
		}
		label = "as in  "
		for record := range strings.SplitSeq(f.Example, "\n") {
			for _, line := range rawLines(term.Clean(record), p.width-indent-len(label), exampleLines) {
				fmt.Fprintf(p.w, "%*s%s%s\n", indent, "", p.Dim(label), p.Cyan(line))
				label = strings.Repeat(" ", len(label))
			}
		}
		fmt.Fprintln(p.w)
	}
	p.text(2, "Formats are detected by content. --format NAME forces one; --format takes a web server's own log_format (nginx) "+
		"or LogFormat (Apache) string too.")
	return p.w.Flush()
}
