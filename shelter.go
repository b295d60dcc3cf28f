// Running what users gave where it can do no harm.

package capability

import (
	"bytes"
	"runtime"
	"strconv"
)

// inTurn calls task(0) to task(n-1), one after the other, on a goroutine of the
// library, and done with what came of each: its error, or an [ErrPanic] if it
// panicked or ended its goroutine. At the end it calls finished. begin is called
// first on each goroutine that is used: a task that ends one makes the next go on
// with another.
func inTurn(n int, begin func(), task func(i int) error, done func(i int, err error), finished func()) {
	var from func(i int)
	from = func(i int) {
		begin()
		for ; i < n; i++ {
			err, exited := errExited, true
			func() {
				defer func() {
					if exited { // or panicked
						if v := recover(); v != nil {
							err, exited = panicError(v), false
							return
						}
						done(i, err)
						spawn(func() { from(i + 1) })
					}
				}()
				err = task(i)
				exited = false
			}()
			done(i, err)
		}
		finished()
	}
	spawn(func() { from(0) })
}

// errExited is the error of what ended its goroutine.
var errExited error = &Error{Code: ErrPanic, Err: report("it ended its goroutine with runtime.Goexit: return an error instead")}

// panicError is the error of what panicked with v.
func panicError(v any) error {
	if err, ok := v.(error); ok {
		return &Error{Code: ErrPanic, Err: &because{"it panicked: " + textOf(err), err}}
	}
	return &Error{Code: ErrPanic, Err: report("it panicked: %v", v)}
}

// goroutine returns the number of the goroutine that calls it, which nothing
// else tells in Go. It is asked for only where a goroutine might wait for itself,
// and costs about a microsecond.
func goroutine() uint64 {
	var buf [40]byte
	text := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	id, _, _ := bytes.Cut(text, []byte(" "))
	n, _ := strconv.ParseUint(string(id), 10, 64)
	return n
}
