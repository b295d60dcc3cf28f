//go:build zoo

// Runs each twin's test on the twin.

package zoo

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
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

// A kind is what twins have in common that can be in one test binary: where the tests are
// and how they are compiled.
type kind struct{ in, tags string }

// A binary has the tests of a kind and all of its twins. It is made when it is first
// asked for.
type binary struct {
	path string
	make func() error
}

// binaries returns what has the twins of that index in it.
func binaries(root, dir string, replace map[string]string, in map[int]bool) (map[kind]*binary, error) {
	overlay := filepath.Join(dir, "overlay.json")
	if err := writeOverlay(overlay, replace); err != nil {
		return nil, err
	}
	tests := make(map[kind][]string)
	for i := range twins {
		if k := twins[i].kind(); in[i] {
			tests[k] = append(tests[k], twins[i].test)
		}
	}
	all := make(map[kind]*binary)
	for k, named := range tests {
		b := &binary{path: filepath.Join(dir, fmt.Sprintf("%d.test", len(all)))}
		b.make = sync.OnceValue(func() error {
			cmd := exec.Command("go", "test", "-c", "-tags="+k.tags, "-vet=off", "-overlay="+overlay, "-o="+b.path, "./"+k.in)
			cmd.Dir = root
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("a twin does not compile: %w\n%s", err, out)
			}
			// What fails without a twin would catch nothing.
			if out, err := b.run(root, k, strings.Join(named, "|"), 0, time.Minute); err != nil {
				return fmt.Errorf("the tests fail without a twin: %w\n%s", err, out)
			}
			return nil
		})
		all[k] = b
	}
	return all, nil
}

// hang is after what time a twin is caught because its test does not end. All tests that
// end do so in a fraction of it.
const hang = 20 * time.Second

// tries is how often a twin's test may pass before it does not see the twin: tests of races
// and of random cases need luck.
const tries = 10

// run runs tests on the twin of that number or, at 0, on none.
func (b *binary) run(root string, k kind, tests string, number int, limit time.Duration) ([]byte, error) {
	cmd := exec.Command(b.path, "-test.short", "-test.failfast", "-test.timeout="+limit.String(), "-test.run=^("+tests+")$")
	cmd.Dir = filepath.Join(root, k.in)
	cmd.Env = append(os.Environ(), "CAPABILITY_TWIN="+strconv.Itoa(number), "RAPID_NOFAILFILE=true", "RAPID_SHRINKTIME=1ms")
	return cmd.CombinedOutput()
}

func (w twin) kind() kind { return kind{w.in, w.tags} }

func writeOverlay(path string, replace map[string]string) error {
	text, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// TestTwinsAreCaught runs each twin's test on the twin, and expects it to fail in one of
// its tries, and for no other reason than the twin: without it the test passes, and a twin
// has to compile.
func TestTwinsAreCaught(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	tests := parse(t, root)
	dir := t.TempDir()
	replace, in, err := together(root, dir, twins)
	if err != nil {
		t.Fatal(err)
	}
	made, err := binaries(root, dir, replace, in)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range twins {
		t.Run(strings.ReplaceAll(w.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			source, err := os.ReadFile(filepath.Join(root, w.file))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(source), w.good); n != 1 {
				t.Fatalf("%s holds the text to break %d times, want once: the twin is out of date", w.file, n)
			}
			var out []byte
			if in[i] {
				b := made[w.kind()]
				if err := b.make(); err != nil {
					t.Fatal(err)
				}
				for n := 0; n < tries && err == nil; n++ {
					out, err = b.run(root, w.kind(), w.test, i+1, hang)
				}
			} else {
				out, err = w.runAlone(t, root, string(source), tests)
			}
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

// runAlone puts the twin in the place of the file that it breaks, and compiles it with
// what its test needs and no more.
func (w twin) runAlone(t *testing.T, root, source string, tests sources) ([]byte, error) {
	dir := t.TempDir()
	broken, overlay := filepath.Join(dir, "broken.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(broken, []byte(strings.Replace(source, w.good, w.bad, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	replace := make(map[string]string)
	if w.in == "" {
		replace = without(tests.needed(regexp.MustCompile("^("+w.test+")$")), tests)
	}
	replace[filepath.Join(root, w.file)] = broken
	if err := writeOverlay(overlay, replace); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "test", "-tags="+w.tags, "-short", "-failfast", "-vet=off", "-timeout="+hang.String(), "-run", "^("+w.test+")$", "./"+w.in)
	cmd.Dir = root
	// The environment and not a flag, so that it holds for what tests build.
	cmd.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay, "RAPID_NOFAILFILE=true", "RAPID_SHRINKTIME=1ms")
	return cmd.CombinedOutput()
}
