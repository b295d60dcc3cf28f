//go:build zoo

// Puts twins into the files that they break, behind their numbers.

package zoo

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// chosen is the file of a package that says which twin runs.
const chosen = `package %s

import (
	"os"
	"strconv"
)

var theTwin, _ = strconv.Atoi(os.Getenv("CAPABILITY_TWIN"))
`

// together writes each twin that breaks the body of one func into that func, and returns
// what takes the place of which file. The body that is broken stands before the real one
// and runs if theTwin is the twin's index and one. Whoever is not in this way is left out
// of in.
func together(root, dir string, all []twin) (replace map[string]string, in map[int]bool, err error) {
	replace, in = make(map[string]string), make(map[int]bool)
	for _, name := range files(all) {
		path := filepath.Join(root, name)
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, nil, err
		}
		at := make(map[int]string) // what is written where
		for i, w := range all {
			if w.file != name || w.alone || strings.Count(string(text), w.good) != 1 {
				continue
			}
			from := strings.Index(string(text), w.good)
			f := around(fset, file, from, from+len(w.good))
			if f == nil {
				continue
			}
			begin, end := fset.Position(f.Body.Lbrace).Offset+1, fset.Position(f.Body.Rbrace).Offset
			body := string(text[begin:from]) + w.bad + string(text[from+len(w.good):end])
			if f.Type.Results == nil {
				body += "\nreturn\n"
			}
			// The compiler names the twin in what it complains of.
			at[begin] += fmt.Sprintf("\nif theTwin == %d {\n//line %s:1\n%s}\n", i+1, strings.ReplaceAll(w.name, " ", "-"), body)
			in[i] = true
		}
		var b strings.Builder
		done := 0
		for _, begin := range sorted(at) {
			b.Write(text[done:begin])
			b.WriteString(at[begin])
			fmt.Fprintf(&b, "//line %s:%d\n", path, 1+strings.Count(string(text[:begin]), "\n"))
			done = begin
		}
		b.Write(text[done:])
		for to, text := range map[string]string{
			path: b.String(),
			filepath.Join(filepath.Dir(path), "the_twin.go"): fmt.Sprintf(chosen, file.Name.Name),
		} {
			replace[to] = filepath.Join(dir, strings.ReplaceAll(strings.TrimPrefix(to, root), string(filepath.Separator), "-"))
			if err := os.WriteFile(replace[to], []byte(text), 0o644); err != nil {
				return nil, nil, err
			}
		}
	}
	return replace, in, nil
}

// files returns the files that twins break.
func files(all []twin) []string {
	names := make(map[string]bool)
	for _, w := range all {
		names[w.file] = true
	}
	return sorted(names)
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K {
	var all []K
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// around returns the func whose body encloses a part of the file, nil if there is none or
// if it has labels, which may not stand in a func twice.
func around(fset *token.FileSet, file *ast.File, from, to int) *ast.FuncDecl {
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil || fset.Position(f.Body.Lbrace).Offset >= from || to > fset.Position(f.Body.Rbrace).Offset {
			continue
		}
		labels := false
		ast.Inspect(f.Body, func(n ast.Node) bool {
			_, label := n.(*ast.LabeledStmt)
			labels = labels || label
			return true
		})
		if labels {
			return nil
		}
		return f
	}
	return nil
}
