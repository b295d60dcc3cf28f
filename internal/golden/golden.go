// Package golden compares the error texts of a package with lines in a file, and finds
// the texts in its source that no line has.
package golden

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	placeInText = regexp.MustCompile(`[^\s"(]*?([\w.-]+\.go):\d+`)
	// What encoding/json says is its own affair.
	saidByJSON = regexp.MustCompile(`(decoding an error: )(unexpected|invalid|json:).*`)
)

// Line returns an error as a line: name, code and text, with places without directory
// and number, and a mark where a line ends.
func Line(name, code string, err error) string {
	text := placeInText.ReplaceAllString(err.Error(), "$1:N")
	text = saidByJSON.ReplaceAllString(text, "$1…")
	return fmt.Sprintf("%s | %s | %s", name, code, strings.ReplaceAll(text, "\n", " ⏎ "))
}

// Read returns the lines of a file.
func Read(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	return slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "#") })
}

// Compare compares lines with those of the file, or writes them there.
func Compare(t *testing.T, file string, lines []string, update bool) {
	t.Helper()
	if update {
		head := "# Every error text: name | code | text. Written by go test -run TestErrorTexts -update .\n"
		if err := os.WriteFile(file, []byte(head+strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(Read(t, file), lines); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
}

// A Text is a text, or a format of one, in the source.
type Text struct{ At, Format string }

// In reports whether a line has the text.
func (text Text) In(lines []string) bool {
	parts := regexp.MustCompile(`%[-+# 0-9.\[\]]*[a-zA-Z]`).Split(text.Format, -1)
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(strings.ReplaceAll(part, "%%", "%"))
	}
	return slices.ContainsFunc(lines, regexp.MustCompile(strings.Join(parts, ".*")).MatchString)
}

// Texts returns the formats given to a func report, be it through a local func, and all
// other texts of three words and more in the files of these directories, but for the
// texts and files in not.
func Texts(t *testing.T, dirs []string, not map[string]string) []Text {
	t.Helper()
	var texts []Text
	fset := token.NewFileSet()
	seen := make(map[string]bool)
	add := func(at token.Pos, format string) {
		if seen[format] || not[format] != "" {
			return
		}
		seen[format] = true
		p := fset.Position(at)
		texts = append(texts, Text{fmt.Sprintf("%s:%d", p.Filename, p.Line), format})
	}
	var paths []string
	for _, dir := range dirs {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, files...)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || not[path] != "" {
			continue
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			reporters := map[string]int{"report": 0} // name → which argument is the format
			// The funcs that hand a format on to report.
			ast.Inspect(decl, func(n ast.Node) bool {
				assign, ok := n.(*ast.AssignStmt)
				if !ok || len(assign.Lhs) != 1 || len(assign.Rhs) != 1 {
					return true
				}
				name, isName := assign.Lhs[0].(*ast.Ident)
				lit, isFunc := assign.Rhs[0].(*ast.FuncLit)
				if isName && isFunc {
					if i := formatParameter(lit); i >= 0 {
						reporters[name.Name] = i
					}
				}
				return true
			})
			ast.Inspect(decl, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					name, ok := n.Fun.(*ast.Ident)
					if !ok {
						return true
					}
					i, ok := reporters[name.Name]
					if !ok || i >= len(n.Args) {
						return true
					}
					switch arg := n.Args[i].(type) {
					case *ast.BasicLit:
						format, err := strconv.Unquote(arg.Value)
						if err != nil {
							t.Fatal(err)
						}
						if strings.Trim(format, "%sv") != "" { // what is all in the arguments is found there
							add(arg.Pos(), format)
						}
					case *ast.Ident:
						if arg.Name != "format" {
							t.Errorf("%s: the text of an error is in the variable %s, where no test can find it", fset.Position(arg.Pos()), arg.Name)
						}
					default:
						t.Errorf("%s: the text of an error is put together, so that no test can find it", fset.Position(arg.Pos()))
					}
				case *ast.Field:
					return false // a tag is no text
				case *ast.ImportSpec:
					return false
				case *ast.BasicLit:
					if n.Kind == token.STRING {
						text, err := strconv.Unquote(n.Value)
						if err != nil {
							t.Fatal(err)
						}
						if len(strings.Fields(text)) >= 3 {
							add(n.Pos(), text)
						}
					}
				}
				return true
			})
		}
	}
	return texts
}

// formatParameter returns which parameter of the func it hands on to report as
// the format, or -1.
func formatParameter(lit *ast.FuncLit) int {
	at := -1
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		name, isName := call.Fun.(*ast.Ident)
		arg, isArg := call.Args[0].(*ast.Ident)
		if !isName || !isArg || name.Name != "report" {
			return true
		}
		i := 0
		for _, field := range lit.Type.Params.List {
			for _, parameter := range field.Names {
				if parameter.Name == arg.Name {
					at = i
				}
				i++
			}
		}
		return true
	})
	return at
}
