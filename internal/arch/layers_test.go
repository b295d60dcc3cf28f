// Who may import whom.

package arch_test

import (
	"encoding/json"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/typedcap/capability"

// layers is the order of imports: a package imports packages of earlier layers
// only. A pattern ending in /... stands for all packages below.
var layers = [][]string{
	{"internal/..."},
	{"."},
	{"keepgoing", "concurrent", "fanout", "observed"},
	{"data", "extension"},
	{"discover"},
	{"capabilitytest", "capabilityhttp"},
	{"examples/discovered/alarm"},
	{"examples/discovered/plugins/..."},
	{"examples/..."},
	{"docs/guides"},
}

// bans are imports that a package must not have, not even through another.
var bans = []struct{ from, to, reason string }{
	{".", "testing", "programs would carry test flags"},
	{".", "os", "the core works where there are no files and processes"},
	{".", "net", "the core speaks no protocol"},
	{".", "net/http", "the core speaks no protocol; a page about it has its own package"},
	{".", "log", "who logs, and where, is the program's business"},
	{".", "log/slog", "who logs, and where, is the program's business"},
	{".", "os/exec", "the core starts nothing"},
	{".", "github.com/google/go-cmp/cmp", "only tests compare"},
	{".", "pgregory.net/rapid", "only tests draw cases"},
}

// allowed are direct imports of one file only, with the reason.
var allowed = map[string]struct{ file, reason string }{
	"encoding/json": {"errors_json.go", "errors survive JSON"},
	"reflect":       {"capability.go", "nil providers are found at binding, and types are named in texts"},
	"unsafe":        {"", "nothing here needs it"},
}

type pkg struct {
	ImportPath   string
	Dir          string
	GoFiles      []string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,GoFiles,Imports,TestImports,XTestImports"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	var pkgs []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	return pkgs
}

// layerOf returns the layer of a package of this module, -1 if it has none.
func layerOf(importPath string) int {
	rel := "."
	if importPath != module {
		rel = strings.TrimPrefix(importPath, module+"/")
	}
	return slices.IndexFunc(layers, func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			prefix, below := strings.CutSuffix(p, "...")
			return rel == p || below && strings.HasPrefix(rel, prefix)
		})
	})
}

func TestLayers(t *testing.T) {
	for _, p := range list(t, "./...") {
		layer := layerOf(p.ImportPath)
		if layer < 0 {
			t.Errorf("%s is in no layer: give it a place in the table", p.ImportPath)
		}
		for _, to := range p.Imports {
			if strings.HasPrefix(to, module) && layerOf(to) >= layer {
				t.Errorf("%s imports %s, which is not of an earlier layer", p.ImportPath, to)
			}
		}
	}
}

// The root package must not get at banned packages by its own imports; what the
// standard library imports for itself is its business.
func TestBans(t *testing.T) {
	for _, p := range list(t, ".") {
		for _, ban := range bans {
			if slices.Contains(p.Imports, ban.to) {
				t.Errorf("%s imports %s: %s", p.ImportPath, ban.to, ban.reason)
			}
		}
		for to, only := range allowed {
			for _, file := range p.GoFiles {
				if file != only.file && imports(t, path.Join(p.Dir, file), to) {
					t.Errorf("%s imports %s, which is for %q: %s", file, to, only.file, only.reason)
				}
			}
		}
	}
}

// Tests of the root module use the two dependencies that it requires.
func TestDependencies(t *testing.T) {
	for _, p := range list(t, "./...") {
		for _, to := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if !strings.Contains(strings.Split(to, "/")[0], ".") || strings.HasPrefix(to, module) {
				continue
			}
			if to != "github.com/google/go-cmp/cmp" && to != "github.com/google/go-cmp/cmp/cmpopts" && to != "pgregory.net/rapid" {
				t.Errorf("%s imports %s: a package with another dependency is a nested module", p.ImportPath, to)
			}
		}
	}
}
