// Tests of the container runner, with an engine that is played by the tests.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What the engine that is played does.
const (
	engineLog   = "RUNNER_TEST_LOG"   // the file that it writes its arguments to, a line for each call
	engineState = "RUNNER_TEST_STATE" // "down" if it does not answer, "stuck" if it keeps its containers
)

// playEngine does as a container engine does. Its containers say so and exit with 7;
// those that are told to wait first wait for the end of their input.
func playEngine(args []string) int {
	f, err := os.OpenFile(os.Getenv(engineLog), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err == nil {
		err = json.NewEncoder(f).Encode(args)
	}
	if err != nil {
		panic(err)
	}
	state := os.Getenv(engineState)
	switch {
	case args[0] == "info" && state == "down":
		fmt.Fprintln(os.Stderr, "WARNING: an old machine\nthe engine sleeps")
		return 1
	case args[0] == "rm" && state == "stuck":
		fmt.Fprintln(os.Stderr, "the container is stuck")
		return 1
	case args[0] == "run":
		fmt.Println("from a container")
		fmt.Fprintln(os.Stderr, "a complaint")
		if slices.Contains(args, "wait") {
			io.Copy(io.Discard, os.Stdin) // it ends when the test does, or is killed
		}
		return 7
	}
	return 0
}

// playedEngine makes the tests play an engine, and returns a func that returns what
// it was called with.
func playedEngine(t *testing.T, state string) (engine string, calls func() [][]string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv(playing, "engine")
	t.Setenv(engineLog, log)
	t.Setenv(engineState, state)
	return self(t), func() (all [][]string) {
		content, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			var args []string
			if err := json.Unmarshal([]byte(line), &args); err != nil {
				t.Fatal(err)
			}
			all = append(all, args)
		}
		return all
	}
}

var boxed = Plugin{
	Name: "boxed", Command: []string{"wash", "-x", "a shirt"}, Environment: []string{"A=b c", "D="},
	Image: "laundry:2", TimeLimit: time.Hour,
}

// offered returns the task of a container runner.
func offered(t *testing.T, c containers, p Plugin) Task {
	t.Helper()
	d, why := c.Offer(t.Context(), p)
	task, ok := d.Get()
	if !ok {
		t.Fatalf("the runner declines: %s", why)
	}
	return task
}

func TestContainer(t *testing.T) {
	engine, calls := playedEngine(t, "")
	task := offered(t, containers{[]string{"no-such-engine-anywhere", engine}, time.Minute}, boxed)
	var stdout, stderr bytes.Buffer
	exit, err := task(t.Context(), Streams{Out: &stdout, Err: &stderr})
	if exit != 7 || err != nil || stdout.String() != "from a container\n" || stderr.String() != "a complaint\n" {
		t.Errorf("exit code %d, error %v, output %q, stderr %q", exit, err, &stdout, &stderr)
	}
	got := calls()
	if len(got) != 2 || len(got[1]) < 5 || !strings.HasPrefix(got[1][4], "runner-") {
		t.Fatalf("the engine was called with %q, want info, and run with a name", got)
	}
	got[1][4] = "NAME"
	want := [][]string{
		{"info"},
		{"run", "--rm", "--interactive", "--name", "NAME", "--env", "A=b c", "--env", "D=", "--entrypoint", "wash", "laundry:2", "-x", "a shirt"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls of the engine differ (-want +got):\n%s", diff)
	}
}

func TestNoContainer(t *testing.T) {
	engine, _ := playedEngine(t, "down")
	d, why := containers{[]string{"no-such-engine-anywhere", engine}, time.Minute}.Offer(t.Context(), boxed)
	if _, ok := d.Get(); ok {
		t.Fatal("the runner does not decline")
	}
	for _, part := range []string{"no container engine answers (no-such-engine-anywhere: ", engine + ": the engine sleeps)"} {
		if !strings.Contains(why, part) {
			t.Errorf("it says %q, want %q in it", why, part)
		}
	}
	plain := boxed
	plain.Image = ""
	if d, why := (containers{[]string{engine}, time.Minute}).Offer(t.Context(), plain); why == "" || d.Or(nil) != nil {
		t.Errorf("without an image: it says %q", why)
	}
}

// An engine whose client was killed is told to remove the container, by name.
func TestContainerIsRemoved(t *testing.T) {
	for _, state := range []string{"", "stuck"} {
		t.Run("state "+state, func(t *testing.T) {
			engine, calls := playedEngine(t, state)
			waiting := boxed
			waiting.Command = []string{"wait"}
			task := offered(t, containers{[]string{engine}, time.Minute}, waiting)
			stdin, open, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			defer open.Close() // so that the container waits until it is killed
			ctx, cancel := context.WithCancelCause(t.Context())
			r, w := io.Pipe()
			go func() {
				defer cancel(errTimeLimit)
				io.ReadFull(r, make([]byte, len("from a container\n")))
			}()
			_, err = task(ctx, Streams{In: stdin, Out: w})
			got := calls()
			last := got[len(got)-1]
			if diff := cmp.Diff([]string{"rm", "--force", got[1][4]}, last); diff != "" {
				t.Errorf("the last call of the engine differs (-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(text(err), errTimeLimit.Error()) {
				t.Errorf("error %v, want %v first", err, errTimeLimit)
			}
			stuck := "container " + last[2] + " may still run: " + engine + " rm --force: the container is stuck"
			if strings.Contains(text(err), stuck) != (state == "stuck") {
				t.Errorf("error %v in state %q; what the engine says is %q", err, state, stuck)
			}
		})
	}
}
