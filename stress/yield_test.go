// Gives way at the yield points of the core, where they are compiled in.

//go:build capability_yield

package stress_test

import (
	"math/rand/v2"
	"runtime"

	"github.com/typedcap/capability"
)

func init() {
	slowdown = 20
	capability.YieldHook = func(string) {
		if rand.Uint32()%8 == 0 {
			runtime.Gosched()
		}
	}
}
