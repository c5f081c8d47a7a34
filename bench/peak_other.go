//go:build !unix

package main

import (
	"os"
	"time"
)

func peakMemory(*os.ProcessState) int64 { return 0 }

// processorTime returns the time that f takes; this system does not tell that of the processor.
func processorTime(f func() error) (time.Duration, error) {
	begun := time.Now()
	err := f()
	return time.Since(begun), err
}
