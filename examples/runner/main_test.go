// Tests of the program as a whole, with a database in a file and real processes.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// playing is the variable that tells the binary of the tests what it is: the program
// itself, a command that a plug-in runs, or a container engine. So the tests need no
// other programs.
const playing = "RUNNER_TEST_PLAYS"

func TestMain(m *testing.M) {
	switch role := os.Getenv(playing); role {
	case "":
		os.Exit(m.Run())
	case "runner":
		main()
	case "command":
		os.Exit(playCommand(os.Args[1:]))
	case "engine":
		os.Exit(playEngine(os.Args[1:]))
	default:
		panic("nobody plays " + role)
	}
}

// playCommand says what it was given and exits with its first argument.
func playCommand(args []string) int {
	input, err := io.ReadAll(os.Stdin)
	fmt.Printf("arguments %q, input %q, COLOR=%s, %v\n", args[1:], input, os.Getenv("COLOR"), err)
	fmt.Fprintln(os.Stderr, "a complaint")
	code, err := strconv.Atoi(args[0])
	if err != nil {
		panic(err)
	}
	return code
}

// program runs the program, with a database unless the arguments name one.
func program(t *testing.T, db, input string, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	exit = run(t.Context(), slices.Concat([]string{"-db", db}, args), strings.NewReader(input), &out, &err)
	return exit, out.String(), err.String()
}

// must runs the program, which must succeed, and returns what it prints.
func must(t *testing.T, db string, args ...string) string {
	t.Helper()
	exit, stdout, stderr := program(t, db, "", args...)
	if exit != 0 || stderr != "" {
		t.Fatalf("%q: exit code %d, stderr %q", args, exit, stderr)
	}
	return stdout
}

// self returns the path of the binary of the tests.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAddListRunRemove(t *testing.T) {
	db := filepath.Join(t.TempDir(), "a directory #%20", "plugins.db")
	if err := os.Mkdir(filepath.Dir(db), 0o700); err != nil {
		t.Fatal(err)
	}
	must(t, db, "add", "-env", playing+"=command", "paint", "-env", "COLOR=deep red", "-time-limit", "90s", "--", self(t), "3", "-v", "a wall")
	must(t, db, "add", "broom", "sweep", "--all")

	var rows []map[string]any
	if err := json.Unmarshal([]byte(must(t, db, "list", "-format=json")), &rows); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{
		{"name": "broom", "command": []any{"sweep", "--all"}, "time_limit": "1m0s"},
		{
			"name": "paint", "command": []any{self(t), "3", "-v", "a wall"}, "time_limit": "1m30s",
			"environment": []any{playing + "=command", "COLOR=deep red"},
		},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("list differs (-want +got):\n%s", diff)
	}

	exit, stdout, stderr := program(t, db, "a brush", "run", "-v", "paint", "--", "twice", "-x")
	if exit != 3 {
		t.Errorf("run: exit code %d, want that of the command, 3", exit)
	}
	if diff := cmp.Diff(`arguments ["-v" "a wall" "twice" "-x"], input "a brush", COLOR=deep red, <nil>`+"\n", stdout); diff != "" {
		t.Errorf("run: output differs (-want +got):\n%s", diff)
	}
	wantErr := `runner: container declines "paint": it has no image: add it with -image to have it in a container
runner: process runs "paint"
a complaint
`
	if diff := cmp.Diff(wantErr, stderr); diff != "" {
		t.Errorf("run: stderr differs (-want +got):\n%s", diff)
	}

	must(t, db, "remove", "broom")
	must(t, db, "remove", "paint", "-db", db)
	if got := must(t, db, "list"); got != "no plug-ins are registered\n" {
		t.Errorf("list after both were removed: %q", got)
	}
}

// A list that cannot be written is a failure.
func TestBrokenOutput(t *testing.T) {
	db := filepath.Join(t.TempDir(), "plugins.db")
	must(t, db, "add", "hello", "echo")
	r, w := io.Pipe()
	r.Close() // it never fails
	for _, args := range [][]string{{"list"}, {"list", "-format", "json"}, {"help"}} {
		if exit := run(t.Context(), append([]string{"-db", db}, args...), nil, w, io.Discard); exit != 1 {
			t.Errorf("%q: exit code %d, want 1", args, exit)
		}
	}
}

// Programs that add at the same time wait for each other, the first of them in a
// file that none has made.
func TestManyProgramsAtOnce(t *testing.T) {
	const programs = 6
	db := filepath.Join(t.TempDir(), "plugins.db")
	var group sync.WaitGroup
	for i := range programs {
		group.Go(func() {
			cmd := exec.CommandContext(t.Context(), self(t), "-db", db, "add", fmt.Sprint("p", i), "echo")
			cmd.Env = append(os.Environ(), playing+"=runner")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("program %d: %v: %s", i, err, out)
			}
		})
	}
	group.Wait()
	if got := strings.Count(must(t, db, "list"), "\n"); got != 1+programs {
		t.Errorf("list has %d lines, want %d and one more", got, programs)
	}
}

// A context that ended before ends the program with the exit code for that, whatever
// it was told to do.
func TestInterruptedBefore(t *testing.T) {
	db := filepath.Join(t.TempDir(), "plugins.db")
	must(t, db, "add", "hello", "echo")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{{"list"}, {"run", "hello"}, {"remove", "hello"}} {
		var stdout, stderr bytes.Buffer
		if exit := run(ctx, append([]string{"-db", db}, args...), nil, &stdout, &stderr); exit != 130 || stdout.Len() > 0 {
			t.Errorf("%q: exit code %d and output %q, want 130 and nothing; stderr %q", args, exit, &stdout, &stderr)
		}
	}
	must(t, db, "remove", "hello")
}
