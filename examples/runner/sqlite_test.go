// Tests of the storage provider: what it keeps, and files that are not its own.

package main

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// openForTest opens the file, and closes it in the end.
func openForTest(t *testing.T, file string, how access) *database {
	t.Helper()
	d, err := openDatabase(t.Context(), file, how, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// While another program has a transaction, nobody begins one to write, and says so
// after a while. What is there can be read.
func TestDatabaseOfABusyProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plugins.db")
	d := openForTest(t, file, filling)
	tx, err := d.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for _, how := range []access{editing, filling} {
		_, err := openDatabase(t.Context(), file, how, time.Millisecond)
		if err == nil || !strings.Contains(err.Error(), "for more than 1ms: try again when the other program is done") {
			t.Errorf("open %q: %v, want that the database is locked", how, err)
		}
	}
	if plugins, err := openForTest(t, file, reading).List(t.Context()); err != nil || len(plugins) > 0 {
		t.Errorf("list: %v, %v", plugins, err)
	}
}

// raw makes changes behind the back of the provider.
func raw(t *testing.T, file string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDatabaseKeeps(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plugins.db")
	odd := Plugin{
		Name: "Größe_1.x-y", Command: []string{"sh", "-c", "echo \"'\\\n\t<&>\u202e"}, Environment: []string{"EMPTY=", "A=b=c"},
		Image: "registry:5000/alpine@sha256:00", TimeLimit: 1500*time.Millisecond + 1,
	}
	plain := Plugin{Name: "a", Command: []string{"true"}, TimeLimit: 1}
	first := openForTest(t, file, filling)
	for _, p := range []Plugin{plain, odd} {
		if err := first.Add(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Add(t.Context(), Plugin{Name: "a", Command: []string{"false"}, TimeLimit: 2}); !errors.Is(err, errTaken) {
		t.Errorf("a second a: %v, want %v", err, errTaken)
	}

	second := openForTest(t, file, reading)
	got, err := second.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Plugin{odd, plain}, got); diff != "" {
		t.Errorf("list differs (-want +got):\n%s", diff)
	}
	one, err := second.Get(t.Context(), odd.Name)
	if diff := cmp.Diff(odd, one); diff != "" || err != nil {
		t.Errorf("get: %v; differs (-want +got):\n%s", err, diff)
	}
	if err := second.Remove(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("remove from a database opened for reading: %v", err)
	}

	for _, want := range []error{nil, errAbsent} {
		if err := first.Remove(t.Context(), "a"); !errors.Is(err, want) {
			t.Errorf("remove: %v, want %v", err, want)
		}
	}
	if _, err := second.Get(t.Context(), "a"); !errors.Is(err, errAbsent) {
		t.Errorf("get of what was removed: %v, want %v", err, errAbsent)
	}
}

// The environment of a plug-in may hold secrets.
func TestDatabaseIsPrivate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plugins.db")
	openForTest(t, file, filling)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if others := info.Mode().Perm() & 0o077; others != 0 && filepath.Separator == '/' {
		t.Errorf("others may %v the database", others)
	}
}

func TestDatabaseOfSomebodyElse(t *testing.T) {
	for _, test := range []struct {
		name      string
		statement string
		want      string
	}{
		{"tables", "CREATE TABLE plugins (name TEXT)", "it belongs to another program"},
		{"application", "PRAGMA application_id = 7", "it belongs to another program"},
		{"version", "PRAGMA application_id = 1920298610; PRAGMA user_version = 9", "it is of version 9, and this program knows version 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "plugins.db")
			raw(t, file, test.statement)
			for _, how := range []access{reading, editing, filling} {
				_, err := openDatabase(t.Context(), file, how, time.Minute)
				if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("open %q: %v, want %q", how, err, test.want)
				}
			}
		})
	}
}

func TestDamagedRows(t *testing.T) {
	for _, test := range []struct{ name, set, want string }{
		{"command", "command = '[\"echo'", "unexpected end of JSON input"},
		{"no command", "command = 'null'", "no command is given"},
		{"environment", "environment = '{}'", "cannot unmarshal object"},
		{"time limit", "time_limit = 0", "the time limit is 0s"},
		{"name", "name = 'a b'", `holds ' ' at byte 1`},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "plugins.db")
			d := openForTest(t, file, filling)
			if err := d.Add(t.Context(), Plugin{Name: "a", Command: []string{"echo"}, TimeLimit: time.Second}); err != nil {
				t.Fatal(err)
			}
			raw(t, file, "UPDATE plugins SET "+test.set)
			_, err := d.List(t.Context())
			if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), test.want) ||
				!strings.Contains(err.Error(), "is damaged: remove it and add it again") {
				t.Errorf("list: %v, want %q", err, test.want)
			}
		})
	}
}
