// Leaks: what a test has opened and left open.

package capabilitytest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/typedcap/capability/internal/inside"
)

var (
	looking atomic.Int32  // how many tests look for leaks
	looked  atomic.Uint64 // how many have begun to
)

// NoLeaks makes the test fail if, when it ends, scopes or registries that it opened are
// not closed, or goroutines that it started go on, such as those that watch a handle
// or use a lease. It is called first in the test, so that all other cleanups come before
// the look. Goroutines have a second to end. The error says where each was opened.
//
// Goroutines that have one of the texts in a func's name on their stack are tolerated:
// those of others that cannot be ended.
//
// A test may run in parallel with others. Goroutines are told apart by a label that they
// inherit, unless the program sets labels of its own; scopes and registries by the
// goroutine that opens them, or by the test whose func is on its stack. What another
// goroutine opens may have no such func there, or that of several subtests: while others
// look for leaks at the same time, that is logged, and fails the test only when nobody
// else looks.
func NoLeaks(t TB, tolerate ...string) {
	t.Helper()
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("capabilitytest", t.Name())))
	since, stop := inside.Look()
	me := inside.Goroutine()
	turn := looked.Add(1)
	alone := looking.Add(1) == 1
	t.Cleanup(func() {
		t.Helper()
		defer stop()
		defer looking.Add(-1)
		for _, g := range lasting(t.Name(), tolerate, time.Second) {
			t.Errorf("a goroutine of the test goes on: %s", g)
		}
		left := inside.StillOpen(since)
		alone = alone && looked.Load() == turn // nobody has begun before left was taken
		for _, o := range left {
			whose := owner(o.Stack, t.Name())
			if strings.Contains(t.Name(), "/") && whose == mine && o.By != me {
				whose = nobodys // or that of another subtest
			}
			switch {
			case o.By == me || whose == mine || whose == nobodys && alone:
				t.Errorf("%s, opened at %s, is open: close it", o.Name, o.Site)
			case whose == nobodys:
				t.Logf("%s, opened at %s, is open, and other tests look for leaks, too: run this one alone to know whose it is", o.Name, o.Site)
			}
		}
	})
}

// whose says to which test something belongs.
type whose int

const (
	nobodys whose = iota // no test func is on the stack
	mine
	anothers
)

// testFunc is the name of a func of a test, or in one.
var testFunc = regexp.MustCompile(`\.((?:Test|Benchmark|Fuzz|Example)[^.a-z][^.]*|Test|Benchmark)(\.func\d.*)?$`)

// owner returns whose the stack is, seen from a test.
func owner(stack []uintptr, test string) whose {
	root, _, _ := strings.Cut(test, "/")
	found := nobodys
	calls(stack, func(name string) bool {
		m := testFunc.FindStringSubmatch(name)
		switch {
		case m == nil:
		case m[1] == root:
			found = mine
		default:
			found = anothers
		}
		return found == mine
	})
	return found
}

// calls reports whether is is true of the name of a func on the stack.
func calls(stack []uintptr, is func(name string) bool) bool {
	frames := runtime.CallersFrames(stack)
	for {
		frame, more := frames.Next()
		if is(frame.Function) {
			return true
		}
		if !more {
			return false
		}
	}
}

// lasting returns what goroutines returns, once they have had time to end.
func lasting(test string, tolerate []string, within time.Duration) []string {
	return soonNone(within, func() []string { return goroutines(test, tolerate) })
}

// goroutines returns what goroutines with the label of the test do, but for those that
// run tests and those to tolerate.
func goroutines(test string, tolerate []string) []string {
	var left []string
	for _, group := range groups(test) {
		if !slices.ContainsFunc(tolerate, func(text string) bool { return strings.Contains(group, text) }) {
			left = append(left, told(group))
		}
	}
	return left
}

// groups returns the goroutines with the label of the test, those together that do the
// same, but for those that run tests or look for leaks.
func groups(test string) []string {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return []string{err.Error()}
	}
	label := fmt.Sprintf("%q:%q", "capabilitytest", test)
	return slices.DeleteFunc(strings.Split(profile.String(), "\n\n"), func(group string) bool {
		return !strings.Contains(group, label) || strings.Contains(group, "testing.tRunner+") || strings.Contains(group, "capabilitytest.groups+")
	})
}

// told returns the calls of a group of goroutines, the innermost first, in a line.
func told(group string) string {
	var calls []string
	number := "1"
	lines := bufio.NewScanner(strings.NewReader(group))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) > 3 && fields[1] == "@":
			number = fields[0]
		case len(fields) >= 4 && fields[0] == "#":
			name, _, _ := strings.Cut(fields[2], "+0x")
			calls = append(calls, fmt.Sprintf("%s at %s", name, fields[3]))
		}
	}
	text := strings.Join(calls, ", called by ")
	if number != "1" {
		text += fmt.Sprintf(" (%s of them)", number)
	}
	return text
}
