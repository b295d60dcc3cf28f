// Running what users gave where it can do no harm.

package capability

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"strconv"
)

// A turn is tasks to be run one after the other, from 0 to n-1, on a goroutine of
// the library. A task that panics or ends its goroutine comes out as a
// [PanicError], and the next go on with another goroutine.
type turn struct {
	n        int
	begin    func()                 // called first on each goroutine that is used
	task     func(i int) error      // may be foreign code
	done     func(i int, err error) // what came of it
	finished func()                 // called at the end

	i      int  // the task whose turn it is
	inTask bool // it runs, or what came of it is put down, which asks foreign errors for their texts
}

func (t *turn) start() {
	spawn(func() {
		defer t.goOn()
		t.begin()
		for ; t.i < t.n; t.i++ {
			t.inTask = true
			t.done(t.i, t.task(t.i))
			t.inTask = false
		}
		t.finished()
	})
}

// goOn does the rest on another goroutine if a task ended this one.
func (t *turn) goOn() {
	if !t.inTask {
		return
	}
	err := errExited
	if v := recover(); v != nil {
		err = &PanicError{v, debug.Stack()}
	}
	t.done(t.i, err)
	t.inTask = false
	t.i++
	t.start()
}

// shelter calls f and then ended with what ended it: what it returned, or a PanicError,
// whose Value is nil if it ended the goroutine.
func shelter(f func() error, ended func(error)) {
	var err error
	returned := false
	defer func() {
		if !returned {
			err = &PanicError{recover(), debug.Stack()}
		}
		ended(err)
	}()
	err = f()
	returned = true
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
