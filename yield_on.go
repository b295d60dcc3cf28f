// Yield points, compiled in: what a test that explores schedules hooks into.

//go:build capability_yield

package capability

import "time"

// YieldHook, unless it is nil, is called at each yield point with the name of
// the point, on the goroutine that came there. SpawnHook, unless it is nil,
// starts the goroutines of the library. Both are there with the build tag
// capability_yield only, and are set while nothing else runs.
var (
	YieldHook func(point string)
	SpawnHook func(f func())
)

func yield(point string) {
	if YieldHook != nil {
		YieldHook(point)
	}
}

func spawn(f func()) {
	if SpawnHook != nil {
		SpawnHook(f)
		return
	}
	go f()
}

func after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() { spawn(f) })
}
