// The programs under testdata/misuse, each with one mistake that the compiler
// has to find.

package capability_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A misuse is a program with a mistake on one line. The comment above that line
// says what the line should have been.
type misuse struct {
	path      string // of main.go
	want      string // part of the compiler's message
	line      int    // of the mistake
	corrected string // the program with the line that it should have
}

// The programs as they are go through go list -export, all at once: that is the
// compiler that users have, it needs nothing but Go, and it stops at the
// mistakes. The corrected programs go through go vet, with an overlay, because a
// compiler that finds no mistake goes on to make code, and a go build links it
// too: that takes twenty times as long.

// TestMisuseDoesNotCompile proves that the mistakes users are likely to make
// are found by the compiler: on the line of the mistake, on no other line, and
// not once it is corrected.
func TestMisuseDoesNotCompile(t *testing.T) {
	programs := readMisuses(t)
	if least := 60; len(programs) < least {
		t.Errorf("%d programs under testdata/misuse, want at least %d", len(programs), least)
	}

	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, p := range programs {
		file := filepath.Join(dir, name+".go")
		if err := os.WriteFile(file, []byte(p.corrected), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[p.path] = file
	}
	data, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	overlaid := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlaid, data, 0o600); err != nil {
		t.Fatal(err)
	}
	mistaken := compileMisuses(t)
	vetted, vetErr := exec.Command("go", "vet", "-overlay="+overlaid, "./testdata/misuse/...").CombinedOutput()
	explained := vetErr == nil

	for name, p := range programs {
		t.Run(name, func(t *testing.T) {
			messages, ok := mistaken[name]
			if !ok {
				t.Fatal("the program was not compiled")
			}
			if len(messages) == 0 {
				t.Error("the compiler does not find the mistake")
			}
			found := false
			for _, m := range messages {
				found = found || strings.Contains(m.text, p.want)
				if m.line != p.line {
					t.Errorf("line %d has a mistake that line %d does not explain: %s", m.line, p.line, m.text)
				}
			}
			if !found && len(messages) > 0 {
				t.Errorf("the compiler's message is another (-want +got):\n%s", cmp.Diff(p.want, messages[0].text))
			}
			for line := range strings.Lines(string(vetted)) {
				if strings.Contains(line, string(filepath.Separator)+name+".go:") {
					explained = true
					t.Errorf("the corrected program does not compile: %s", line)
				}
			}
		})
	}
	if !explained {
		t.Errorf("go vet of the corrected programs: %v\n%s", vetErr, vetted)
	}
}

// readMisuses reads the programs, by the name of their directory.
func readMisuses(t *testing.T) map[string]misuse {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "misuse", "*", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	programs := make(map[string]misuse)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := parseMisuse(string(text))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if p.path, err = filepath.Abs(path); err != nil {
			t.Fatal(err)
		}
		programs[filepath.Base(filepath.Dir(path))] = p
	}
	return programs
}

// parseMisuse finds the marks in a program.
func parseMisuse(text string) (misuse, error) {
	var p misuse
	instead := ""
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		code := strings.TrimSpace(line)
		if want, ok := strings.CutPrefix(code, "// want: "); ok {
			if p.want != "" {
				return p, fmt.Errorf("line %d: a second want", i+1)
			}
			p.want = want
		}
		if code, ok := strings.CutPrefix(code, "// instead: "); ok {
			if instead != "" {
				return p, fmt.Errorf("line %d: a second instead", i+1)
			}
			instead = code
		}
		if strings.HasSuffix(code, "// mistake") {
			if p.line != 0 {
				return p, fmt.Errorf("line %d: a second mistake", i+1)
			}
			if instead == "" {
				return p, fmt.Errorf("line %d: no instead above the mistake", i+1)
			}
			p.line = i + 1
			lines[i] = instead
		}
	}
	if p.want == "" || p.line == 0 {
		return p, errors.New("no want or no mistake in it")
	}
	p.corrected = strings.Join(lines, "\n")
	return p, nil
}

// A compilerMessage is what the compiler says of a line of main.go.
type compilerMessage struct {
	line int
	text string
}

var compilerLine = regexp.MustCompile(`^.*main\.go:(\d+):\d+: (.*)$`)

// compileMisuses compiles all programs and returns what the compiler says of
// each, by the name of its directory.
func compileMisuses(t *testing.T) map[string][]compilerMessage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-export", "-json=Dir,Name,Error", "./testdata/misuse/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &stderr)
	}
	all := make(map[string][]compilerMessage)
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var pkg struct {
			Dir, Name string
			Error     *struct{ Err string }
		}
		if err := dec.Decode(&pkg); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if pkg.Name != "main" {
			if pkg.Error != nil {
				t.Errorf("%s, which a program imports, does not compile: %s", pkg.Dir, pkg.Error.Err)
			}
			continue
		}
		var messages []compilerMessage
		if pkg.Error != nil {
			for line := range strings.Lines(pkg.Error.Err) {
				line = strings.TrimSuffix(line, "\n")
				m := compilerLine.FindStringSubmatch(line)
				switch {
				case m != nil:
					n := 0
					if _, err := fmt.Sscan(m[1], &n); err != nil {
						t.Fatal(err)
					}
					messages = append(messages, compilerMessage{n, m[2]})
				case len(messages) > 0: // a message goes on
					messages[len(messages)-1].text += "\n" + line
				case !strings.HasPrefix(line, "# "):
					messages = append(messages, compilerMessage{0, line})
				}
			}
		}
		all[filepath.Base(pkg.Dir)] = messages
	}
}
