// Tests of process groups: what a run leaves behind is nothing.

//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A witness is the output of a run. All processes of the run hold it, so that its end
// can be read when the last of them is gone, and not before: no process has to be
// looked up by its number.
type witness struct{ r, w *os.File }

func newWitness(t *testing.T) witness {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return witness{r, w}
}

// gone returns what the processes have written, once all of them are gone.
func (w witness) gone(t *testing.T) string {
	t.Helper()
	w.w.Close()
	if err := w.r.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(w.r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a process still runs, which has said %q", said)
	} else if err != nil {
		t.Fatal(err)
	}
	return string(said)
}

// family is a shell that starts a child and waits for it.
var family = []string{"sh", "-c", "sleep 1000 & echo started; wait"}

func TestTimeLimitKillsAll(t *testing.T) {
	db := filepath.Join(t.TempDir(), "slow?mode=ro&plugins.db") // a name that is no query
	must(t, db, append([]string{"add", "slow", "-time-limit", "1h", "--"}, family...)...)
	// A shell that had no time to start the child proves nothing; it gets more.
	for limit := 100 * time.Millisecond; ; limit *= 2 {
		var stderr bytes.Buffer
		w := newWitness(t)
		exit := run(t.Context(), []string{"-db", db, "run", "-time-limit", limit.String(), "slow"}, nil, w.w, &stderr)
		said := w.gone(t)
		want := `runner: plug-in "slow", run by process: it was killed because it ran longer than ` + limit.String() + ", its time limit: give it more with -time-limit behind run\n"
		if exit != 1 || stderr.String() != want {
			t.Errorf("exit code %d and stderr %q, want 1 and %q", exit, &stderr, want)
		}
		if said == "started\n" || t.Failed() {
			break
		}
	}
}

func TestInterruptKillsAll(t *testing.T) {
	db := filepath.Join(t.TempDir(), "plugins.db")
	must(t, db, append([]string{"add", "slow", "--"}, family...)...)
	ctx, cancel := context.WithCancelCause(t.Context())
	w := newWitness(t)
	go func() {
		io.ReadFull(w.r, make([]byte, len("started\n")))
		cancel(errors.New("the user left"))
	}()
	var stderr bytes.Buffer
	exit := run(ctx, []string{"-db", db, "run", "slow"}, nil, w.w, &stderr)
	if said := w.gone(t); exit != 130 || said != "" || stderr.String() != "runner: plug-in \"slow\", run by process: the user left\n" {
		t.Errorf("exit code %d, more output %q, stderr %q", exit, said, &stderr)
	}
}

// A command that ends before what it started takes that with it, whether or not
// somebody copies the output.
func TestNothingIsLeftBehind(t *testing.T) {
	db := filepath.Join(t.TempDir(), "plugins.db")
	must(t, db, "add", "hasty", "--", "sh", "-c", "sleep 1000 & echo started; exit 5")
	w := newWitness(t)
	var stderr bytes.Buffer
	exit := run(t.Context(), []string{"-db", db, "run", "hasty"}, nil, w.w, &stderr)
	if said := w.gone(t); exit != 5 || said != "started\n" || stderr.String() != "" {
		t.Errorf("exit code %d, output %q, stderr %q", exit, said, &stderr)
	}
	exit, stdout, complaint := program(t, db, "", "run", "hasty")
	if exit != 5 || stdout != "started\n" || complaint != "" {
		t.Errorf("copied: exit code %d, output %q, stderr %q", exit, stdout, complaint)
	}
}

// What a signal ends has the exit code that shells give it.
func TestSignal(t *testing.T) {
	db := filepath.Join(t.TempDir(), "plugins.db")
	must(t, db, "add", "victim", "--", "sh", "-c", "kill -KILL $$")
	if exit, _, stderr := program(t, db, "", "run", "victim"); exit != 128+9 || stderr != "" {
		t.Errorf("exit code %d and stderr %q, want 137 and nothing", exit, stderr)
	}
}

func TestScriptWithoutFirstLine(t *testing.T) {
	dir := t.TempDir()
	db, script := filepath.Join(dir, "plugins.db"), filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("echo hi\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	must(t, db, "add", "plain", script)
	exit, _, stderr := program(t, db, "", "run", "plain")
	if exit != 1 || !strings.Contains(stderr, "exec format error: it must be a program for this machine, or a script whose first line begins with #!") {
		t.Errorf("exit code %d and stderr %q", exit, stderr)
	}
}

// A path is that of the file where it was added, wherever it is run.
func TestPathsAreMadeAbsolute(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "plugins.db")
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte("#!/bin/sh\necho \"$0\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	must(t, db, "add", "local", "./script")
	t.Chdir(os.TempDir())
	if got := must(t, db, "run", "local"); !strings.HasSuffix(got, filepath.Join(filepath.Base(dir), "script")+"\n") {
		t.Errorf("run: %q", got)
	}
}
