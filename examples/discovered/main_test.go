package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/typedcap/capability"
)

const catalogue = `pager 2.1.0: sends messages to whoever is on duty
  passive, anywhere, see https://example.org/plugins/pager
  requires roster: knows who is on duty
  requires output: is where messages leave the program
  exports notifier: tells somebody what has happened
  config prefix string: what each message begins with
rota 1.0.0: puts people on duty by turns, an hour each
  active, anywhere, see https://example.org/plugins/rota
  exports roster: knows who is on duty
  config people []string: who takes turns; the operator if nobody is named
`

func TestRun(t *testing.T) {
	pager, _, _ := strings.Cut(catalogue, "rota ")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"all":         {nil, "rota: the operator is on duty\nto the operator: the disk is full\n"},
		"any order":   {[]string{"pager", "rota"}, "rota: the operator is on duty\nto the operator: the disk is full\n"},
		"one":         {[]string{"rota"}, "rota: the operator is on duty\n"},
		"configured":  {[]string{`pager={"prefix": "! "}`, `rota={"people": ["ann", "bob"]}`}, "rota: ann is on duty\nto ann: ! the disk is full\n"},
		"list":        {[]string{"-list"}, catalogue},
		"list of one": {[]string{"-list", "pager"}, pager},
		"help":        {[]string{"-help"}, usage},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := run(c.args, &out); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, out.String()); diff != "" {
				t.Errorf("it prints something else (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadArguments(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want []string // what the error says
	}{
		"unknown flag":            {[]string{"-all"}, []string{"-all", "see -help"}},
		"unknown plug-in":         {[]string{"beeper"}, []string{`there is no plug-in "beeper"`, "known are rota, pager"}},
		"plug-in twice":           {[]string{"rota", "rota={}"}, []string{`the plug-in "rota" is named twice`}},
		"requirement missing":     {[]string{"pager"}, []string{`extension "pager"`, "requires roster", "nobody exports or binds that"}},
		"unknown field":           {[]string{"rota", `pager={"sufix": "!"}`}, []string{`extension "pager"`, `unknown field "sufix"`}},
		"no JSON":                 {[]string{"rota=ann"}, []string{`extension "rota"`, "cannot be read", "invalid character"}},
		"no text":                 {[]string{"rota="}, []string{`extension "rota"`, "cannot be read", "EOF"}},
		"text behind":             {[]string{"rota={} {}"}, []string{`extension "rota"`, "something behind its end"}},
		"refused":                 {[]string{`rota={"people": [""]}`}, []string{`extension "rota"`, "not valid", "has no name"}},
		"two mistakes, both said": {[]string{`rota={"people": [""]}`, "pager=1"}, []string{`extension "rota"`, `extension "pager"`}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(c.args, &out)
			if err == nil {
				t.Fatal("there is no error")
			}
			for _, text := range c.want {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the error does not say %q:\n%v", text, err)
				}
			}
			if out.Len() > 0 {
				t.Errorf("it prints something:\n%s", &out)
			}
		})
	}
}

// failing is an output that takes so many writes and no more.
type failing struct{ left int }

var errCut = errors.New("the line is cut")

func (f *failing) Write(text []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errCut
	}
	return len(text), nil
}

func TestFailingOutput(t *testing.T) {
	for _, args := range [][]string{nil, {"-list"}, {"-help"}} {
		if err := run(args, &failing{}); !errors.Is(err, errCut) {
			t.Errorf("run of %q returns %v, want %v", args, err, errCut)
		}
	}
	err := run(nil, &failing{left: 1})
	if e, ok := errors.AsType[*capability.Error](err); !ok || e.Provider != "pager" || !errors.Is(err, errCut) {
		t.Errorf("the error is %v, want that of the pager, who could not notify", err)
	}
}
