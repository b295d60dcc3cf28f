// Processor time, where the system tells it.

//go:build unix

package benchmarks

import (
	"syscall"
	"time"
)

// processorTime returns the processor time that the process has used, that of
// the garbage collector included.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
