//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package marks

import (
	"os"
	"syscall"
)

// lock waits until nobody else has the file locked, and locks it until it is closed.
func lock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			return err
		}
	}
}
