// Tests of the executor with fakes: who is asked in which order, and what is said.

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/typedcap/capability"
)

var build = Plugin{Name: "build", Command: []string{"make", "all"}, TimeLimit: 5 * time.Hour}

func TestRunnersAreAskedInOrder(t *testing.T) {
	broken := errors.New("the engine is on fire")
	for _, test := range []struct {
		name    string
		runners []candidate
		limit   time.Duration
		notes   []string
		choice  string // who runs it after whom, "" if nobody does
		exit    int
		err     string
	}{
		{
			"the first", []candidate{{name: "moon", exit: 4}, {name: "earth"}}, 0,
			[]string{"moon is asked", "moon runs make all -j 2, at most 5h0m0s"}, "moon after []", 4, "",
		},
		{
			"the last", []candidate{{name: "moon", reason: "too far"}, {name: "sun", reason: "too hot"}, {name: "earth"}}, 2 * time.Hour,
			[]string{"moon is asked", "sun is asked", "earth is asked", "earth runs make all -j 2, at most 2h0m0s"},
			"earth after [{moon too far} {sun too hot}]", 0, "",
		},
		{
			"none", []candidate{{name: "moon", reason: "too far"}, {name: "sun", reason: "too hot"}}, 0,
			[]string{"moon is asked", "sun is asked"}, "", 0,
			"plug-in \"build\": nobody runs it; these were asked:\n  moon: too far\n  sun: too hot",
		},
		{"nobody", nil, 0, nil, "", 0, `plug-in "build": nobody runs it, because no runner is bound: bind one`},
		{
			"a failure", []candidate{{name: "moon", fails: broken}, {name: "earth"}}, 0,
			[]string{"moon is asked", "moon runs make all -j 2, at most 5h0m0s"}, "moon after []", 0,
			`plug-in "build", run by moon: the engine is on fire`,
		},
		{
			"a time limit", []candidate{{name: "moon", fails: errTimeLimit}}, time.Hour,
			[]string{"moon is asked", "moon runs make all -j 2, at most 1h0m0s"}, "moon after []", 0,
			`plug-in "build", run by moon: it was killed because it ran longer than 1h0m0s, its time limit: give it more with -time-limit behind run`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var notes []string
			var bindings []capability.Change
			for _, c := range test.runners {
				c.notes = &notes
				bindings = append(bindings, Runners.Bind(c.name, c))
			}
			choice := ""
			e := executorWith(t, shelfOf(build), bindings...)
			exit, err := e.Run(t.Context(), "build", []string{"-j", "2"}, test.limit, Streams{}, func(c Choice) {
				choice = fmt.Sprint(c.Runner, " after ", c.Declined)
			})
			if got := text(err); exit != test.exit || got != test.err {
				t.Errorf("exit code %d and error %q, want %d and %q", exit, got, test.exit, test.err)
			}
			if choice != test.choice {
				t.Errorf("the choice is %q, want %q", choice, test.choice)
			}
			if diff := cmp.Diff(test.notes, notes); diff != "" {
				t.Errorf("what happened differs (-want +got):\n%s", diff)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Who is interrupted while a runner thinks asks no other, and runs nothing.
func TestInterruptedWhileAsking(t *testing.T) {
	for _, reason := range []string{"", "too far"} {
		var notes []string
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := errors.New("the user left")
		moon := candidate{name: "moon", notes: &notes, reason: reason, asked: func() { cancel(stop) }}
		e := executorWith(t, shelfOf(build), Runners.Bind("moon", moon), Runners.Bind("earth", candidate{name: "earth", notes: &notes}))
		_, err := e.Run(ctx, "build", nil, 0, Streams{}, func(Choice) { t.Error("somebody was chosen") })
		var by *capability.Error
		if !errors.Is(err, stop) || !errors.As(err, &by) || by.Provider != "moon" {
			t.Errorf("run: %v, want the cause, of provider moon", err)
		}
		if diff := cmp.Diff([]string{"moon is asked"}, notes); diff != "" {
			t.Errorf("what happened differs (-want +got):\n%s", diff)
		}
	}
}

// A store that fails is never taken for one that does not have the plug-in.
func TestBrokenStore(t *testing.T) {
	broken := errors.New("the disk is gone")
	e := executorWith(t, &shelf{broken: broken}, Formats.Bind("table", asTable{}))
	var out strings.Builder
	_, runErr := e.Run(t.Context(), "build", nil, 0, Streams{}, func(Choice) { t.Error("somebody was chosen") })
	for what, err := range map[string]error{
		"add": e.Add(t.Context(), build), "list": e.List(t.Context(), &out), "remove": e.Remove(t.Context(), "build"), "run": runErr,
	} {
		if !errors.Is(err, broken) || strings.Contains(err.Error(), "no plug-in") {
			t.Errorf("%s: %v, want %v", what, err, broken)
		}
	}
	if out.Len() > 0 {
		t.Errorf("list wrote %q", &out)
	}
}

// Whatever is missing is said at start-up.
func TestNoStore(t *testing.T) {
	scope, err := capability.Compose(capability.NewRegistry(capability.Engine, "nothing"))
	if err != nil {
		t.Fatal(err)
	}
	defer scope.Close()
	var e *capability.Error
	if _, err := resolve(scope); !errors.Is(err, capability.ErrNotProvided) || !errors.As(err, &e) || e.Capability != "storage" {
		t.Errorf("resolve: %v, want that storage is not provided", err)
	}
}

// A test puts fakes over the program itself: the database stays closed to it, and the
// runners of the program are not asked.
func TestFakesOverTheProgram(t *testing.T) {
	a, err := assemble(t.Context(), Config{Database: filepath.Join(t.TempDir(), "plugins.db"), Access: filling})
	if err != nil {
		t.Fatal(err)
	}
	var notes []string
	fakes := capability.NewRegistry(capability.Node+1, "fakes")
	scope, err := a.scope.With(fakes)
	if err != nil {
		t.Fatal(err)
	}
	err = fakes.Apply(
		Storage.Rebind("sqlite", shelfOf(build)),
		Runners.Mask("container", "process"),
		Runners.Bind("earth", candidate{name: "earth", notes: &notes}),
	)
	if err != nil {
		t.Fatal(err)
	}
	d, err := resolve(scope)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&Executor{Config{}, d}).Run(t.Context(), "build", nil, 0, Streams{}, func(Choice) {}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"earth is asked", "earth runs make all, at most 5h0m0s"}, notes); diff != "" {
		t.Errorf("what happened differs (-want +got):\n%s", diff)
	}
	if err := errors.Join(scope.Close(), a.close()); err != nil {
		t.Error(err)
	}
}

// The database is closed with the assembly, and not before.
func TestAssemblyClosesTheDatabase(t *testing.T) {
	a, err := assemble(t.Context(), Config{Database: filepath.Join(t.TempDir(), "plugins.db"), Access: filling})
	if err != nil {
		t.Fatal(err)
	}
	store := a.executor.Storage.Get()
	if err := store.Add(t.Context(), build); err != nil {
		t.Error(err)
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
	if _, err := store.List(t.Context()); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("list after close: %v, want that the database is closed", err)
	}
}
