// Tests of how extensions start and stop with the program.

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability/extension"
)

// A pause is an end of the input that takes its time.
type pause struct{}

func (pause) Read([]byte) (int, error) {
	time.Sleep(time.Minute)
	return 0, io.EOF
}

// inBubble runs the program in a bubble in which no goroutine may be left when it ends.
func inBubble(t *testing.T, placement string, more ...extension.Extension) (status int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "p.json")
	if err := os.WriteFile(file, []byte(placement), 0o666); err != nil {
		t.Fatal(err)
	}
	before := extensions
	extensions = append(before[:len(before):len(before)], more...)
	defer func() { extensions = before }()
	synctest.Test(t, func(t *testing.T) {
		status, stdout, stderr = engineRun(t, io.MultiReader(strings.NewReader(strings.Repeat(failure, 3)), pause{}), "-config", file, "-")
		if len(more) > 0 {
			time.Sleep(2 * time.Hour) // so that it ends what did not end when it was told to
		}
	})
	stderr = regexp.MustCompile(`(?m)^time=.*\n`).ReplaceAllString(stderr, "") // the log
	return status, stdout, strings.ReplaceAll(stderr, dir+string(filepath.Separator), "")
}

func TestNothingIsLeft(t *testing.T) {
	placed, err := os.ReadFile(filepath.Join("testdata", "placed.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, placement := range []string{"{}", string(placed), string(builtin), versioned(1), string(alarms(filepath.Join(t.TempDir(), "problems")).text)} {
		if status, _, stderr := inBubble(t, placement); status != 0 || stderr != "" {
			t.Errorf("exit status %d and stderr %q", status, stderr)
		}
	}
}

func TestStartThatFails(t *testing.T) {
	_, missing := os.Stat("missing.json")
	nowhere := filepath.Join(t.TempDir(), "missing", "file")
	_, unwritable := os.OpenFile(nowhere, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	for _, test := range []struct{ name, placement, want string }{
		{"extension", strings.Replace(versioned(1), `"entries": {"*": "version 1"}`, `"file": "missing.json"`, 1),
			`p.json:7:7: instance "areas" of "dataset": Run failed: capability "label-sources", provider "built-in", scope "areas": ` + missing.Error()},
		{"node", string(alarms(nowhere).text), `p.json:9:5: node "alarm" of type "ship": ` + unwritable.Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, stdout, stderr := inBubble(t, test.placement)
			if status != 1 || stdout != "" {
				t.Errorf("exit status is %d and stdout %q, want 1 and nothing", status, stdout)
			}
			if diff := cmp.Diff("engine: "+test.want+"\n", stderr); diff != "" {
				t.Errorf("stderr differs (-want +got):\n%s", diff)
			}
		})
	}
}

// A whim is the configuration of stubborn: what it does not do as it is told. It hangs
// when it has to stop, fails after a while, or is never ready.
type whim struct {
	Whim string `json:"whim"`
}

var stubborn = extension.Background[whim]{
	Manifest: extension.Manifest{Name: "stubborn", Doc: "does not do as it is told", URL: documentation},
	New: func(is whim, _ extension.Dependencies) (extension.Runner, error) {
		return extension.RunFunc(func(ctx context.Context, ready func()) error {
			if is.Whim != "never ready" {
				ready()
			}
			if is.Whim == "fails" {
				time.Sleep(time.Second) // the others are ready
				return os.ErrDeadlineExceeded
			}
			<-ctx.Done()
			if is.Whim == "hangs" {
				time.Sleep(time.Hour)
			}
			return nil
		}), nil
	},
}

// withStone returns a placement with an instance of stubborn.
func withStone(whim string) string {
	return strings.Replace(versioned(1), `"shipper":`, `"stone": {"extension": "stubborn", "config": {"whim": "`+whim+`"}}, "shipper":`, 1)
}

// TestStopIsReported checks that the program ends although an extension does not, and
// says which, and that all others have stopped.
func TestStopIsReported(t *testing.T) {
	stderrs := make(map[string]string)
	for _, name := range []string{"hangs", "fails"} {
		status, stdout, stderr := inBubble(t, withStone(name), stubborn)
		if status != 0 {
			t.Errorf("%s: exit status is %d, want 0", name, status)
		}
		wantHas(t, stdout, "3  version 1\n")
		stderrs[name] = stderr
	}
	wantHas(t, stderrs["hangs"], "engine: not all has stopped in time:\n", `"stone"`, "Run has not returned since its context ended")
	wantHas(t, stderrs["fails"], "engine: not all extensions are well:\n", `"stone"`, "failed", os.ErrDeadlineExceeded.Error())
	for name, stderr := range stderrs {
		if lines := strings.Count(stderr, "\n"); lines != 2 {
			t.Errorf("%s: stderr has %d lines, want 2:\n%s", name, lines, stderr)
		}
	}
}

// A hangup is an input that changes the placement at its end, sends SIGHUP, and ends
// while that is looked at.
type hangup struct {
	file string
	hup  chan os.Signal
}

func (h hangup) Read([]byte) (int, error) {
	if err := os.WriteFile(h.file, []byte(withStone("never ready")), 0o666); err != nil {
		return 0, err
	}
	h.hup <- os.Interrupt
	time.Sleep(time.Second)
	return 0, io.EOF
}

// TestEndDuringReload checks that the program does not wait for what is about to start
// when its input ends, and says what became of it.
func TestEndDuringReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.json")
	if err := os.WriteFile(file, []byte(withStone("none")), 0o666); err != nil {
		t.Fatal(err)
	}
	before := extensions
	extensions = append(before[:len(before):len(before)], stubborn)
	defer func() { extensions = before }()
	synctest.Test(t, func(t *testing.T) {
		var stdout, stderr bytes.Buffer
		in := hangup{file, make(chan os.Signal)}
		begin := time.Now()
		status := run(t.Context(), func() <-chan os.Signal { return in.hup }, []string{"-config", file, "-"}, io.MultiReader(strings.NewReader(failure), in), &stdout, &stderr)
		if took := time.Since(begin); status != 0 || took != time.Second {
			t.Errorf("exit status %d after %v, want 0 after 1s", status, took)
		}
		wantHas(t, stdout.String(), "1  version 1\n")
		wantHas(t, stderr.String(), "is not followed", `p.json:3:5: instance "stone" of "stubborn": it was not ready when starting ended`)
	})
}

// An interrupt while extensions start is no mistake in the placement.
func TestInterruptedStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	status := run(ctx, silent, []string{"-"}, strings.NewReader("a\n"), &stdout, &stderr)
	if got, want := stderr.String(), "engine: interrupted while the extensions were starting\n"; status != 130 || got != want || stdout.Len() > 0 {
		t.Errorf("exit status is %d, stderr %q and stdout %q, want 130 and %q", status, got, stdout.String(), want)
	}
}
