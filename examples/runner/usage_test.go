// Tests of what somebody may type, or find on the disk, that is wrong.

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	db, empty := filepath.Join(dir, "plugins.db"), filepath.Join(dir, "empty.db")
	text, missing := filepath.Join(dir, "notes.txt"), filepath.Join(dir, "none", "plugins.db")
	must(t, db, "add", "hello", "--", "echo", "it's", "me")
	must(t, db, "add", "gone", "--", "no-such-program-anywhere")
	must(t, db, "add", "boxed", "-image", "alpine", "echo")
	for file, content := range map[string]string{text: "buy milk, and then some more milk", empty: ""} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name   string
		args   []string
		exit   int
		stderr string // a part of it
	}{
		{"no command", nil, 2, "no command is given: give one of help, add, list, remove, run"},
		{"unknown command", []string{"remov", "hello"}, 2, `unknown command "remov" (did you mean "remove"?)`},
		{"unknown flag", []string{"list", "-loud"}, 2, "list: flag provided but not defined: -loud"},
		{"add without name", []string{"add"}, 2, "add: the name of the plug-in is missing: give one"},
		{"add without name before dashes", []string{"add", "-image=alpine", "--", "echo", "hi"}, 2, "add: the name of the plug-in is missing"},
		{"add without command", []string{"add", "x"}, 2, "add: no command is given"},
		{"add without program", []string{"add", "x", ""}, 2, "add: no command is given"},
		{"add empty name", []string{"add", "", "echo"}, 2, "add: the name of the plug-in is empty"},
		{"add with spaces", []string{"add", "he llo", "echo"}, 2, `add: the name "he llo" holds ' ' at byte 2: use letters`},
		{"add with a dot first", []string{"add", ".x", "echo"}, 2, `holds '.' at byte 0`},
		{"add with a long name", []string{"add", strings.Repeat("x", 65), "echo"}, 2, "is longer than 64 bytes"},
		{"add with binary", []string{"add", "x", "echo", "\xff"}, 2, `word 2 of the command, "\xff", is not UTF-8`},
		{"add with a bad variable", []string{"add", "-env", "COLOR", "x", "echo"}, 2, "it is not of the form NAME=VALUE"},
		{"add with a bad image", []string{"add", "-image", "--privileged", "x", "echo"}, 2, `the image "--privileged" is no name`},
		{"add without time", []string{"add", "-time-limit", "0s", "x", "echo"}, 2, `invalid value "0s" for flag -time-limit: nothing can be done in it`},
		{"add with a negative time", []string{"add", "x", "-time-limit=-1s", "echo"}, 2, `invalid value "-1s" for flag -time-limit`},
		{"add without unit", []string{"add", "-time-limit", "5", "x", "echo"}, 2, "write it as 30s, 5m or 1h30m"},
		{"add twice", []string{"add", "hello", "date"}, 1, `plug-in "hello" is registered already, as echo 'it'\''s' me: remove it first`},
		{"list of a format", []string{"list", "-format", "jsn"}, 2, `nobody writes the format "jsn" (did you mean "json"?): table, json were asked`},
		{"list of a word", []string{"list", "hello"}, 2, `list: "hello" is one word too many`},
		{"remove without name", []string{"remove"}, 2, "remove: the name of the plug-in is missing"},
		{"remove of two", []string{"remove", "hello", "gone"}, 2, `remove: "gone" is one word too many`},
		{"remove of nobody", []string{"remove", "helo"}, 1, `no plug-in is named "helo" (did you mean "hello"?)`},
		{"run without name", []string{"run", "-v"}, 2, "run: the name of the plug-in is missing"},
		{"run of nobody", []string{"run", "quite-different"}, 1, `no plug-in is named "quite-different": list shows`},
		{"run without time", []string{"run", "-time-limit", "0", "hello"}, 2, `invalid value "0" for flag -time-limit`},
		{"run without program", []string{"run", "gone"}, 1, "plug-in \"gone\": nobody runs it; these were asked:\n  container: it has no image: add it with -image to have it in a container\n  process: \"no-such-program-anywhere\" cannot be run here: "},
		{"run by processes only", []string{"run", "-runners=process", "gone"}, 1, "these were asked:\n  process: "},
		{"run by nobody", []string{"run", "-runners=", "hello"}, 2, "it names nobody"},
		{"run by a stranger", []string{"run", "-runners=contaner", "hello"}, 2, `did you mean "container"?`},
		{"run by one twice", []string{"run", "-runners=process,process", "hello"}, 2, "names it twice"},
		{"no file", []string{"-db", "", "list"}, 2, "list: -db names no file"},
		{"missing file", []string{"-db", missing, "list"}, 1, missing + ": it does not exist: add a plug-in first"},
		{"missing directory", []string{"-db", missing, "add", "x", "echo"}, 1, "see that its directory exists"},
		{"directory", []string{"list", "-db", dir}, 1, dir + ": it is a directory: name a file in it with -db"},
		{"directory to fill", []string{"-db", dir, "add", "x", "echo"}, 1, "is a directory"},
		{"below a file", []string{"-db", filepath.Join(text, "x.db"), "add", "x", "echo"}, 1, "name another file with -db"},
		{"text", []string{"-db", text, "add", "x", "echo"}, 1, text + ": file is not a database"},
		{"empty file", []string{"-db", empty, "run", "x"}, 1, empty + ": it is empty: add a plug-in first"},
	} {
		t.Run(test.name, func(t *testing.T) {
			exit, stdout, stderr := program(t, db, "", test.args...)
			if exit != test.exit || stdout != "" {
				t.Errorf("exit code %d and output %q, want %d and nothing", exit, stdout, test.exit)
			}
			if !strings.HasPrefix(stderr, "runner: ") || !strings.Contains(stderr, test.stderr) || !strings.HasSuffix(stderr, "\n") {
				t.Errorf("stderr is %q, want a line with %q", stderr, test.stderr)
			}
		})
	}
	// No mistake changed anything.
	want := "NAME   TIME LIMIT  IMAGE   ENVIRONMENT  COMMAND\n" +
		"boxed  1m0s        alpine  -            echo\n" +
		"gone   1m0s        -       -            no-such-program-anywhere\n" +
		"hello  1m0s        -       -            echo 'it'\\''s' me\n"
	if diff := cmp.Diff(want, must(t, db, "list")); diff != "" {
		t.Errorf("list differs (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Dir(missing)); !os.IsNotExist(err) {
		t.Errorf("a mistake left %s behind: %v", filepath.Dir(missing), err)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"run", "-help"}, {"add", "x", "-h"}} {
		exit, stdout, stderr := program(t, "unused.db", "", args...)
		if exit != 0 || stderr != "" {
			t.Errorf("%q: exit code %d, stderr %q", args, exit, stderr)
		}
		for _, c := range commands() {
			flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
			if c.flags != nil {
				c.flags(new(call), flags)
			}
			flags.VisitAll(func(f *flag.Flag) {
				if !strings.Contains(stdout, "  -"+f.Name) {
					t.Errorf("%q: the usage does not have -%s of %s", args, f.Name, c.name)
				}
			})
		}
	}
}

func TestSuggestion(t *testing.T) {
	for _, test := range []struct {
		typed string
		names []string
		want  string
	}{
		{"", nil, ""},
		{"ls", []string{"ps", "pt"}, "ps"},
		{"ls", []string{"pt"}, ""},
		{"hallo", []string{"hullo", "hello"}, "hullo"},
		{"deploi", []string{"deploys", "deploy"}, "deploy"},
		{strings.Repeat("x", maxName+1), []string{strings.Repeat("x", maxName)}, ""},
	} {
		want := ""
		if test.want != "" {
			want = fmt.Sprintf(" (did you mean %q?)", test.want)
		}
		if got := suggestion(test.typed, test.names); got != want {
			t.Errorf("typed %q of %q: %q, want %q", test.typed, test.names, got, want)
		}
	}
}
