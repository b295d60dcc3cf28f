// Tests of the output formats: what they write, and who is chosen.

package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/typedcap/capability"
)

var some = []Plugin{
	{Name: "backup", Command: []string{"tar", "-c", "my files", "<all>", "it's"}, TimeLimit: 90 * time.Second},
	{Name: "lint", Command: []string{"lint", "", "a\tb\x1b[2J"}, Environment: []string{"TOKEN=secret", "LANG=C"}, Image: "golang:1.26", TimeLimit: time.Second},
}

const someTable = `NAME    TIME LIMIT  IMAGE        ENVIRONMENT  COMMAND
backup  1m30s       -            -            tar -c 'my files' '<all>' 'it'\''s'
lint    1s          golang:1.26  TOKEN,LANG   lint '' "a\tb\x1b[2J"
`

const someJSON = `[
  {
    "name": "backup",
    "command": [
      "tar",
      "-c",
      "my files",
      "<all>",
      "it's"
    ],
    "time_limit": "1m30s"
  },
  {
    "name": "lint",
    "command": [
      "lint",
      "",
      "a\tb\u001b[2J"
    ],
    "environment": [
      "TOKEN=secret",
      "LANG=C"
    ],
    "image": "golang:1.26",
    "time_limit": "1s"
  }
]
`

// formats returns the chain of what is bound.
func formats(t *testing.T, changes ...capability.Change) capability.Chain[Formatter] {
	t.Helper()
	return executorWith(t, &shelf{}, changes...).Formats.Get()
}

func TestFormats(t *testing.T) {
	chain := formats(t, Formats.Bind("table", asTable{}), Formats.Bind("json", asJSON{}))
	for _, test := range []struct {
		name, format string
		plugins      []Plugin
		want         string
	}{
		{"table", "table", some, someTable},
		{"default", "", some, someTable},
		{"json", "json", some, someJSON},
		{"no plug-ins in a table", "table", nil, "no plug-ins are registered\n"},
		{"no plug-ins in json", "json", nil, "[]\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			write, err := formatter(chain, test.format)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			if err := write(&got, test.plugins); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.String()); diff != "" {
				t.Errorf("output differs (-want +got):\n%s", diff)
			}
		})
	}
}

// lines is a formatter of somebody who does not like tables.
type lines struct{}

func (lines) Offer(format string) (none capability.Decision[Write]) {
	if format != "table" && format != "lines" {
		return none
	}
	return capability.Decided[Write](func(w io.Writer, plugins []Plugin) error {
		for _, p := range plugins {
			if _, err := io.WriteString(w, p.Name+"\n"); err != nil {
				return err
			}
		}
		return nil
	})
}

// One formatter may take over a format from another, and whoever is not asked for
// stays as it is.
func TestFormatOfSomebodyElse(t *testing.T) {
	chain := formats(t, Formats.Bind("table", asTable{}), Formats.Bind("lines", lines{}).Before("table"))
	for format, want := range map[string]string{"table": "backup\nlint\n", "lines": "backup\nlint\n", "": someTable} {
		write, err := formatter(chain, format)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		if err := write(&got, some); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Errorf("format %q differs (-want +got):\n%s", format, diff)
		}
	}
	_, err := formatter(chain, "line")
	var wrong *usageError
	if want := `nobody writes the format "line" (did you mean "lines"?): lines, table were asked`; !errors.As(err, &wrong) || err.Error() != want {
		t.Errorf("unknown format: %v, want %s", err, want)
	}
}
