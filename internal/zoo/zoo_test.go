//go:build zoo

// Runs each twin's test on the twin, compiled with what that test needs and no
// more.

package zoo

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A source is a test file of the core: the names that it declares for its
// package, and those that it does not.
type source struct {
	path      string
	pkg       string
	declares  map[string]bool
	mentioned map[string]bool // and not declared in the file
}

type sources []*source

func parse(t *testing.T, root string) sources {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all sources
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		s := &source{path, file.Name.Name, make(map[string]bool), make(map[string]bool)}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					s.declares[d.Name.Name] = true
					continue
				}
				// Who needs the type needs its methods.
				ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok {
						s.declares[id.Name] = true
					}
					return true
				})
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						s.declares[spec.Name.Name] = true
					case *ast.ValueSpec:
						for _, name := range spec.Names {
							s.declares[name.Name] = true
						}
					}
				}
			}
		}
		for _, id := range file.Unresolved {
			s.mentioned[id.Name] = true
		}
		all = append(all, s)
	}
	return all
}

// needed returns the files with the tests of that name, and those that declare what
// they mention.
func (all sources) needed(test *regexp.Regexp) map[*source]bool {
	needed := make(map[*source]bool)
	var list []*source
	need := func(s *source) {
		if !needed[s] {
			needed[s] = true
			list = append(list, s)
		}
	}
	for _, s := range all {
		for name := range s.declares {
			if test.MatchString(name) {
				need(s)
			}
		}
	}
	for i := 0; i < len(list); i++ {
		for _, s := range all {
			for name := range s.declares {
				if s.pkg == list[i].pkg && name != "_" && list[i].mentioned[name] {
					need(s)
				}
			}
		}
	}
	return needed
}

// without is the overlay that leaves all other test files out.
func without(needed map[*source]bool, all sources) map[string]string {
	overlay := make(map[string]string)
	for _, s := range all {
		if !needed[s] {
			overlay[s.path] = ""
		}
	}
	return overlay
}

// TestTwinsAreCaught puts each twin in the place of the file that it breaks and
// expects its test to fail in one of three runs, for tests of races need luck,
// and for no other reason than the test: a twin has to compile.
func TestTwinsAreCaught(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	tests := parse(t, root)
	for _, w := range twins {
		t.Run(strings.ReplaceAll(w.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			source, err := os.ReadFile(filepath.Join(root, w.file))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(source), w.good); n != 1 {
				t.Fatalf("%s holds the text to break %d times, want once: the twin is out of date", w.file, n)
			}
			dir := t.TempDir()
			broken := filepath.Join(dir, "broken.go")
			if err := os.WriteFile(broken, []byte(strings.Replace(string(source), w.good, w.bad, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
			replace := make(map[string]string)
			if w.in == "" {
				replace = without(tests.needed(regexp.MustCompile("^("+w.test+")$")), tests)
			}
			replace[filepath.Join(root, w.file)] = broken
			overlay, err := json.Marshal(map[string]map[string]string{"Replace": replace})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("go", "test", "-tags="+w.tags, "-short", "-count=3", "-failfast", "-vet=off", "-timeout=60s", "-run", "^("+w.test+")$", "./"+w.in)
			cmd.Dir = root
			// The environment and not a flag, so that it holds for what tests build.
			cmd.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+filepath.Join(dir, "overlay.json"))
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			switch {
			case err == nil && strings.Contains(string(out), "no tests to run"):
				t.Errorf("there is no test %s", w.test)
			case err == nil:
				t.Errorf("%s does not see that %s", w.test, w.name)
			case !errors.As(err, &exit):
				t.Fatal(err)
			case strings.Contains(string(out), "[build failed]"):
				t.Errorf("the twin does not compile:\n%s", out)
			}
		})
	}
}
