package main

import (
	"github.com/spf13/cobra"
)

func newRelated(s *streams) *cobra.Command { return &cobra.Command{Use: "related"} }
