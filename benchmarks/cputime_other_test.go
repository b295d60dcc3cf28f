// Time on the clock, where the system does not tell processor time.

//go:build !unix

package benchmarks

import "time"

var begin = time.Now()

func processorTime() time.Duration { return time.Since(begin) }
