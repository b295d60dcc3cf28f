// Tests of placements: what is wrong with bad ones, all of it and where.

package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBadPlacements(t *testing.T) {
	for _, test := range badPlacements {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "p.json")
			if err := os.WriteFile(file, []byte(test.text), 0o666); err != nil {
				t.Fatal(err)
			}
			status, stdout, stderr := engineRun(t, nil, "-config", file)
			if status != 2 || stdout != "" {
				t.Errorf("exit status is %d and stdout %q, want 2 and nothing", status, stdout)
			}
			got := strings.Split(strings.TrimSuffix(strings.ReplaceAll(stderr, file+":", ""), "\n"), "\n")
			want := append([]string{"engine: the placement is wrong:"}, test.want...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what is wrong differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestManyMistakes checks that a file that is all wrong does not fill the screen.
func TestManyMistakes(t *testing.T) {
	d := document{name: "p.json", text: []byte("[" + strings.Repeat("\n1.5,", 9999) + "\n1]")}
	v, _ := d.parse()
	var numbers []int
	d.into(v, &numbers)
	lines := strings.Split(d.err().Error(), "\n")
	want := []string{"p.json:51:1: there is a number 1.5: give a whole number", "p.json:52:1: there are 9949 more mistakes from here on"}
	if diff := cmp.Diff(want, lines[49:]); diff != "" {
		t.Errorf("the last lines differ (-want +got):\n%s", diff)
	}
}

// TestUnusedInstance checks that what nobody uses is allowed and said.
func TestUnusedInstance(t *testing.T) {
	status, _, stderr := inBubble(t, strings.Replace(versioned(1), `"plenty": {"ext`, `"more": {"extension": "ratelimit", "config": {"events": 1, "every": "1h"}}, "plenty": {"ext`, 1))
	if want := "engine: warning: p.json:11:9: instance \"more\" of \"ratelimit\" is used by no node: name it in one, or drop it\n"; status != 0 || stderr != want {
		t.Errorf("exit status %d and stderr %q, want 0 and %q", status, stderr, want)
	}
}

// FuzzPlacement checks that no text makes the engine panic, and that one that is
// accepted starts, or says why it does not, and ends.
func FuzzPlacement(f *testing.F) {
	for _, test := range badPlacements {
		if len(test.text) < 1<<12 {
			f.Add([]byte(test.text))
		}
	}
	for _, file := range []string{"engine.json", filepath.Join("testdata", "placed.json")} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		from := source{"p.json", text}
		all := register(options{}, io.Discard)
		plan, err := newPlan(from, &all)
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "p.json:") {
					t.Errorf("a line says no place: %q", line)
				}
			}
			return
		}
		for _, n := range plan.nodes {
			if c, ok := n.config.(*shipConfig); ok && c.File != "" {
				return // no file is made whose name was drawn by lot
			}
		}
		e, err := newEngine(t.Context(), options{}, from, io.Discard, io.Discard)
		if err != nil {
			return
		}
		feed(t, e, 1, "an error", `{"Action":"fail","Package":"example.org/x","Test":"TestA","Elapsed":1}`)
		if err := e.close(); err != nil {
			t.Errorf("the engine does not stop: %v", err)
		}
	})
}
