// The documents say what the code does.

package arch_test

import (
	"bytes"
	"flag"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func imports(t *testing.T, file, path string) bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range f.Imports {
		if i.Path.Value == `"`+path+`"` {
			return true
		}
	}
	return false
}

// public are the packages that programs import.
var public = []string{".", "keepgoing", "concurrent", "fanout", "observed", "data", "extension", "discover", "capabilitytest", "capabilityhttp"}

// The exported surface is what testdata/api.txt says. A changed line there wants
// a line in CHANGELOG.md.
func TestAPI(t *testing.T) {
	var surface strings.Builder
	for _, name := range public {
		cmd := exec.Command("go", "doc", "-all", "./"+name)
		cmd.Dir = "../.."
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go doc: %v", err)
		}
		_, out, _ = bytes.Cut(out, []byte("\n\n")) // behind the package clause
		if name != "." {
			surface.WriteString("\n== " + name + "\n\n")
		}
		surface.Write(out)
	}
	golden := filepath.Join("..", "..", "testdata", "api.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(surface.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(read(t, "testdata/api.txt"), surface.String()); diff != "" {
		t.Errorf("the exported surface changed: run make golden and add a line to CHANGELOG.md (-golden +now):\n%s", diff)
	}
}

// Everything exported has a doc comment, and every exported type and function
// has an Example or is used in one.
func TestDocsAndExamples(t *testing.T) {
	for _, name := range public {
		t.Run(name, func(t *testing.T) { docsAndExamples(t, name) })
	}
}

func docsAndExamples(t *testing.T, dir string) {
	fset := token.NewFileSet()
	var files, examples []*ast.File
	names, err := filepath.Glob("../../" + dir + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.HasPrefix(filepath.Base(name), "example_"):
			examples = append(examples, f)
		case !strings.HasSuffix(name, "_test.go"):
			files = append(files, f)
			if len(f.Comments) == 0 || f.Comments[0].Pos() > f.Package {
				t.Errorf("%s does not open with a comment that says what it holds", filepath.Base(name))
			}
		}
	}
	used := make(map[string]bool)
	for _, f := range examples {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				used[s.Sel.Name] = true
			}
			return true
		})
	}
	p, err := doc.NewFromFiles(fset, files, "github.com/typedcap/capability/"+dir)
	if err != nil {
		t.Fatal(err)
	}
	need := func(name, text string) {
		if text == "" {
			t.Errorf("%s has no doc comment", name)
		}
	}
	// What examples use without naming it: types they get from calls, and what
	// only the receiver of a value names.
	silent := map[string]bool{
		"Query": true, "Need": true, "Edit": true, "Binding": true, "Change": true, "Meta": true, "Rule": true,
		"Snapshot": true, "RegistryState": true, "CapabilityState": true, "ProviderState": true, "Level": true, "Event": true,
		"Description": true, "KeyDescription": true, "FieldDescription": true, "Catalogue": true, "Host": true, "Report": true,
		"DerivedState": true, "ResolvedState": true, "Difference": true, "CapabilityDescription": true, "Reference": true, "Entry": true, "TB": true,
	}
	for _, typ := range p.Types {
		need(typ.Name, typ.Doc)
		if !used[typ.Name] && !silent[typ.Name] {
			t.Errorf("%s is in no Example", typ.Name)
		}
		for _, f := range append(typ.Funcs, typ.Methods...) {
			need(typ.Name+"."+f.Name, f.Doc)
		}
		for _, v := range append(typ.Consts, typ.Vars...) {
			need(strings.Join(v.Names, ", "), v.Doc)
		}
	}
	for _, f := range p.Funcs {
		need(f.Name, f.Doc)
		if !used[f.Name] {
			t.Errorf("%s is in no Example", f.Name)
		}
	}
}

// The README shows the quickstart, whole and unchanged.
func TestReadme(t *testing.T) {
	readme := read(t, "README.md")
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readme, -1)
	if len(blocks) != 1 {
		t.Fatalf("README.md has %d blocks of Go, want 1, the quickstart", len(blocks))
	}
	_, program, _ := strings.Cut(read(t, "examples/quickstart/main.go"), "\npackage main\n")
	_, shown, _ := strings.Cut("\n"+blocks[0][1], "\npackage main\n")
	if diff := cmp.Diff(program, shown); diff != "" {
		t.Errorf("README.md does not show examples/quickstart/main.go (-program +readme):\n%s", diff)
	}
}

// markdown returns the pages of the repository, but for those of nested modules that only
// their own tools read.
func markdown(t *testing.T) []string {
	t.Helper()
	var pages []string
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() != ".." && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".md") && !strings.Contains(path, "testdata") {
			pages = append(pages, filepath.ToSlash(strings.TrimPrefix(path, filepath.FromSlash("../../"))))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// Links between files of the repository lead somewhere.
func TestLinks(t *testing.T) {
	for _, name := range markdown(t) {
		prose := regexp.MustCompile("(?s)```.*?```|`[^`]*`").ReplaceAllString(read(t, name), "")
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(prose, -1) {
			if _, err := os.Stat(filepath.Join("..", "..", filepath.Dir(name), link[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, link[1], err)
			}
		}
	}
}

// Each block of Go in a page of docs is an excerpt of the code beside the page, which is
// compiled and run, and each block of text is part of an output that is checked there. The
// code of guides/x.md is guides/x_test.go, that of comparisons/x.md is in comparisons/x.
func TestDocs(t *testing.T) {
	index := read(t, "docs/README.md")
	for _, name := range markdown(t) {
		dir, base := path.Split(strings.TrimSuffix(name, ".md"))
		var code string
		switch dir {
		case "docs/guides/":
			code = read(t, dir+base+"_test.go")
		case "docs/comparisons/":
			files, err := filepath.Glob("../../" + dir + base + "/*.go")
			if err != nil || len(files) == 0 {
				t.Errorf("%s has no code in %s%s (%v)", name, dir, base, err)
			}
			for _, f := range files {
				code += "\n" + read(t, strings.TrimPrefix(filepath.ToSlash(f), "../../"))
			}
		default:
			continue
		}
		if link := "](" + strings.TrimPrefix(name, "docs/") + ")"; !strings.Contains(index, link) {
			t.Errorf("docs/README.md does not link to %s", name)
		}
		for i, block := range regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(read(t, name), -1) {
			text, in := block[2], "\n"+code
			switch block[1] {
			case "go":
			case "text":
				text = regexp.MustCompile("(?m)^").ReplaceAllString(strings.TrimSuffix(text, "\n"), "\t// ") + "\n"
				text = strings.ReplaceAll(text, "// \n", "//\n")
			default:
				continue
			}
			indented := text
			if block[1] == "go" { // it may be shown without the indentation that it has in a func
				indented = regexp.MustCompile("(?m)^(.)").ReplaceAllString(text, "\t$1")
			}
			if !strings.Contains(in, "\n"+text) && !strings.Contains(in, "\n"+indented) {
				t.Errorf("%s: block %d is not in the code beside the page:\n%s", name, i+1, block[2])
			}
		}
	}
}

// Nothing is left open in the text.
func TestNothingLeftOpen(t *testing.T) {
	cmd := exec.Command("git", "ls-files", "*.go", "*.md")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Logf("not a git checkout: %v", err)
		return
	}
	open := regexp.MustCompile(`\b(` + strings.Join([]string{"TO" + "DO", "FIX" + "ME", "XX" + "X"}, "|") + `)\b`)
	for _, name := range bytes.Fields(out) {
		if m := open.FindString(read(t, string(name))); m != "" {
			t.Errorf("%s holds %q", name, m)
		}
	}
}
