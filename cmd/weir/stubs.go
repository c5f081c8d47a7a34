package main

import (
	"errors"

	"github.com/spf13/cobra"

	"weir/internal/hunt"
)

func newRelated(s *streams) *cobra.Command  { return &cobra.Command{Use: "related"} }
func newFormats(s *streams) *cobra.Command  { return &cobra.Command{Use: "formats"} }
func newScenario(s *streams) *cobra.Command { return &cobra.Command{Use: "scenario"} }
func newDemo(s *streams) *cobra.Command     { return &cobra.Command{Use: "demo"} }
func printHunt(s *streams, r *hunt.Result, f *huntFlags) error { return errors.New("not yet") }
