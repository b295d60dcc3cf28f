// Tests of the program: what it prints, how it follows its files, and what it makes of
// bad ones.

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "renew the golden output")

// flagsRun runs the program.
func flagsRun(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // should it watch
	defer cancel()
	var out, err bytes.Buffer
	status = run(ctx, args, &out, &err)
	return status, out.String(), err.String()
}

// write writes a file of file and returns its path.
func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWithoutArguments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status, got, stderr := flagsRun(t)
		if status != 0 || stderr != "" {
			t.Errorf("exit status %d and stderr %q", status, stderr)
		}
		file := filepath.Join("testdata", "self.golden")
		if *update {
			write(t, file, got)
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("output differs (-want +got):\n%s", diff)
		}
	})
}

func TestFile(t *testing.T) {
	override := write(t, filepath.Join(t.TempDir(), "own.ini"), "[feature_flags]\nnew-index||orders* = false\naudit||letters = true\n")
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"rules", []string{"rules.ini", "letters", "orders-archive"}, `  letters         compression  on by * of file
  orders-archive  audit        on by orders* of file
  orders-archive  compression  on by * of file
  orders-archive  new-index    off by orders-archive* of file
`},
		{"with an override", []string{"-override", override, "rules.ini", "letters", "orders", "orders-archive"}, `  letters         audit        on by letters of override
  letters         compression  on by * of file
  orders          audit        on by orders* of file
  orders          compression  on by * of file
  orders          new-index    off by orders* of override
  orders-archive  audit        on by orders* of file
  orders-archive  compression  on by * of file
  orders-archive  new-index    off by orders-archive* of file
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, got, stderr := flagsRun(t, test.args...)
			if status != 0 || stderr != "" {
				t.Errorf("exit status %d and stderr %q", status, stderr)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("output differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExitStatus(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.ini")
	bad := write(t, filepath.Join(dir, "bad.ini"), "[feature_flags]\naudit||orders* = yes\n")
	none := write(t, filepath.Join(dir, "none.ini"), "[feature_flags]\n")
	for _, test := range []struct {
		name   string
		args   []string
		status int
		stderr string // some of it
	}{
		{"fine", []string{"rules.ini", "orders"}, 0, ""},
		{"no rules", []string{none, "orders"}, 0, ""},
		{"missing", []string{missing, "orders"}, 1, "missing.ini: no such file or directory\nflags: rules are missing that were not understood\n"},
		{"missing override", []string{"-override", missing, "rules.ini", "orders"}, 1, "missing.ini: no such file or directory\n"},
		{"directory", []string{dir, "orders"}, 1, dir + " is a directory: name a regular file"},
		{"bad", []string{bad, "orders"}, 1, "flags: " + bad + ":2:18: the value is \"yes\": write true or false\n"},
		{"help", []string{"-h"}, 0, "usage: flags"},
		{"unknown flag", []string{"-loud"}, 2, "loud"},
		{"no database", []string{"rules.ini"}, 2, "no database"},
		{"nothing to watch", []string{"-watch"}, 2, "no file"},
		{"nothing to override", []string{"-override=x"}, 2, "no file"},
		{"never", []string{"-every=-1s", "rules.ini", "orders"}, 2, "-every is -1s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, _, stderr := flagsRun(t, test.args...)
			if status != test.status {
				t.Errorf("exit status is %d, want %d", status, test.status)
			}
			if !strings.Contains(stderr, test.stderr) || test.stderr == "" && stderr != "" {
				t.Errorf("stderr is %q, want %q", stderr, test.stderr)
			}
		})
	}
}

// full is a writer without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestOutputThatCannotBePrinted(t *testing.T) {
	for _, args := range [][]string{nil, {"rules.ini", "orders"}, {"-watch", "rules.ini", "orders"}} {
		synctest.Test(t, func(t *testing.T) {
			var stderr bytes.Buffer
			if status := run(t.Context(), args, full{}, &stderr); status != 1 {
				t.Errorf("%v: exit status is %d, want 1", args, status)
			}
			if !strings.Contains(stderr.String(), "no space left") {
				t.Errorf("%v: stderr is %q", args, &stderr)
			}
		})
	}
}

// taken is what was printed since somebody took it.
type taken struct {
	mu   sync.Mutex
	text []byte
}

func (b *taken) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	return len(p), nil
}

func (b *taken) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() { b.text = nil }()
	return string(b.text)
}

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	rules, override := filepath.Join(dir, "rules.ini"), filepath.Join(dir, "own.ini")
	write(t, rules, "[feature_flags]\naudit||* = true\n")
	write(t, override, "[feature_flags]\n")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var stdout, stderr taken
		ended := make(chan int, 1)
		go func() {
			ended <- run(ctx, []string{"-watch", "-override", override, rules, "orders", "letters"}, &stdout, &stderr)
		}()
		expect := func(what string, seconds int, out, err string) {
			t.Helper()
			<-time.After(time.Duration(seconds)*time.Second + time.Millisecond)
			synctest.Wait()
			if diff := cmp.Diff(out, stdout.take()); diff != "" {
				t.Errorf("%s: stdout (-want +got):\n%s", what, diff)
			}
			if diff := cmp.Diff(err, stderr.take()); diff != "" {
				t.Errorf("%s: stderr (-want +got):\n%s", what, diff)
			}
		}
		expect("begin", 0, `  orders   audit  on by * of file
  letters  audit  on by * of file
`, "")
		expect("nothing happens", 60, "", "")
		write(t, rules, "[feature_flags]\n; new\naudit, trace||orders* = true\naudit||* = true\n")
		expect("a longer pattern comes", 2, `  rule of file  audit||orders*  no rule → on
  rule of file  trace||orders*  no rule → on
  orders        audit           on by * of file → on by orders* of file
  orders        trace           no rule → on by orders* of file
`, "")
		write(t, rules, "[feature_flags]\n\n; other comments\naudit||* = true\naudit||orders* = true\n trace || orders* = true\n")
		expect("it is written otherwise", 2, "", "")
		write(t, override, "[feature_flags]\naudit||orders* = false\n")
		expect("an override", 2, `  rule of override  audit||orders*  no rule → off
  orders            audit           on by orders* of file → off by orders* of override
`, "")
		write(t, rules, "")
		expect("a file is empty", 2, "", "flags: "+rules+":1:1: there is no [feature_flags]: begin the rules with it, even if there are none; the 3 rules that it had before stay\n")
		write(t, override, "[feature_flags]\naudit||orders* = of")
		expect("another is written to half", 2, "", "flags: "+override+":2:18: the value is \"of\": write true or false; the 1 rules that it had before stay\n")
		if err := os.Remove(override); err != nil {
			t.Fatal(err)
		}
		expect("it goes", 55, "", "flags: stat "+override+": no such file or directory; the 1 rules that it had before stay\n")
		write(t, override, "[feature_flags]\naudit||letters = false\n")
		expect("it returns", 2, `  rule of override  audit||letters  no rule → off
  rule of override  audit||orders*  off → no rule
  orders            audit           off by orders* of override → on by orders* of file
  letters           audit           on by * of file → off by letters of override
`, "flags: override has no fault any more\n")
		cancel()
		if status := <-ended; status != 0 {
			t.Errorf("exit status is %d after an interruption, want 0", status)
		}
	})
}
