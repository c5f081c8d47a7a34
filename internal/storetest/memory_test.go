package storetest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"weir/internal/lake"
)

func TestMemory(t *testing.T) {
	mutant := os.Getenv("WEIR_STORETEST_MUTANT")
	Run(t, func(*testing.T) func() lake.Store {
		s := NewMemory(Settings)
		s.m.mutant = mutant
		return func() lake.Store { return s.Again() }
	})
}

// TestMutants makes sure that the suite finds the faults that a store may have, and in which of its tests.
func TestMutants(t *testing.T) {
	for mutant, finds := range map[string]string{
		"loses a line":                          "OnceWhateverTheName",
		"doubles what has grown":                "GrownAndRotated",
		"forgets one too many":                  "Forget",
		"reads again what was forgotten":        "Forget",
		"keeps a mark":                          "MarksAreTakenBack",
		"leaves counts where they were":         "WhatMarksHold",
		"keeps the model of what was forgotten": "ForgettingLeavesNoModel",
	} {
		t.Run(mutant, func(t *testing.T) {
			t.Parallel()
			c := exec.Command(os.Args[0], "-test.run=^TestMemory$")
			c.Env = append(os.Environ(), "WEIR_STORETEST_MUTANT="+mutant)
			out, err := c.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestMemory/"+finds) {
				t.Errorf("it passes %s: %v\n%.2000s", finds, err, out)
			}
		})
	}
}
