package main

import (
	"github.com/spf13/cobra"
)

func newRelated(s *streams) *cobra.Command  { return &cobra.Command{Use: "related"} }
func newFormats(s *streams) *cobra.Command  { return &cobra.Command{Use: "formats"} }
func newScenario(s *streams) *cobra.Command { return &cobra.Command{Use: "scenario"} }
func newDemo(s *streams) *cobra.Command     { return &cobra.Command{Use: "demo"} }
