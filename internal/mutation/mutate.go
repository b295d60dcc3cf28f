// What is changed in a file, and how the changes are put behind numbers.

package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// A mutant is one change.
type mutant struct {
	number      int
	file        string
	line        int
	in          string // the func
	first, last int    // its lines
	change      string
}

func (m mutant) String() string { return fmt.Sprintf("%s:%d, %s: %s", m.file, m.line, m.in, m.change) }

// name is what [harmless] calls the change.
func (m mutant) name() string { return fmt.Sprintf("%s, %s: %s", m.file, m.in, m.change) }

// An edit is a change of a part of the text. with makes the new text of the part of the
// old one, in which the edits inside have been made.
type edit struct {
	from, to int
	with     func(old string) string
	operator *operator // of an edit that needs two parts
	inside   []*edit
}

// An operator is where an operator lies in a part, and what takes its place.
type operator struct {
	from, to int
	other    string
	number   int
}

// others are the operators that take the place of others.
var others = map[token.Token]token.Token{
	token.EQL: token.NEQ, token.NEQ: token.EQL,
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.LAND: token.LOR, token.LOR: token.LAND,
}

// mutate returns the text with all changes, which are numbered from first on, and the
// changes.
func mutate(file string, text []byte, first int) ([]byte, []mutant, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, text, parser.ParseComments)
	if err != nil {
		return nil, nil, err
	}
	offset := func(p token.Pos) int { return fset.Position(p).Offset }
	part := func(n ast.Node) string { return string(text[offset(n.Pos()):offset(n.End())]) }
	var edits []*edit
	var mutants []mutant
	line := func(p token.Pos) int { return fset.Position(p).Line }
	var in mutant // without a change
	note := func(n ast.Node, change string) int {
		m := in
		m.number, m.line, m.change = first+len(mutants), line(n.Pos()), change
		mutants = append(mutants, m)
		return m.number
	}
	wrap := func(n ast.Node, format, change string) {
		number := note(n, change)
		edits = append(edits, &edit{from: offset(n.Pos()), to: offset(n.End()), with: func(old string) string {
			return fmt.Sprintf(format, number, old)
		}})
	}
	statements := func(list []ast.Stmt) {
		for _, s := range list {
			if removable(s) {
				wrap(s, "if !mutated(%d) { %s }", "without "+short(part(s)))
			}
		}
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			if n.Tok != token.VAR {
				return false
			}
			if slices.Contains(parsed.Decls, ast.Decl(n)) {
				in = mutant{file: file, in: "var", first: line(n.Pos()), last: line(n.End())}
			}
		case *ast.FuncDecl:
			in = mutant{file: file, in: funcName(n), first: line(n.Pos()), last: line(n.End())}
		case *ast.BlockStmt:
			statements(n.List)
		case *ast.CaseClause:
			statements(n.Body)
		case *ast.CommClause:
			statements(n.Body)
		case *ast.IfStmt:
			wrap(n.Cond, "mutated(%d) != (%s)", "if not "+short(part(n.Cond)))
		case *ast.BinaryExpr:
			other, ok := others[n.Op]
			if !ok {
				break
			}
			at := offset(n.OpPos)
			number := note(n, fmt.Sprintf("%s in place of %s in %s", other, n.Op, short(part(n))))
			edits = append(edits, &edit{from: offset(n.Pos()), to: offset(n.End()), operator: &operator{at, at + len(n.Op.String()), other.String(), number}})
		case *ast.ReturnStmt:
			for _, r := range n.Results {
				if is, ok := r.(*ast.Ident); ok && (is.Name == "true" || is.Name == "false") {
					wrap(r, "(mutated(%d) != %s)", "return not "+is.Name)
				}
			}
		}
		return true
	})
	changed, err := format.Source([]byte(apply(string(text), 0, len(text), nest(edits))))
	return changed, mutants, err
}

// funcName returns the name of a func with the type that it belongs to.
func funcName(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	of := f.Recv.List[0].Type
	for {
		switch t := of.(type) {
		case *ast.StarExpr:
			of = t.X
		case *ast.IndexExpr:
			of = t.X
		case *ast.IndexListExpr:
			of = t.X
		case *ast.Ident:
			return t.Name + "." + f.Name.Name
		default:
			return f.Name.Name
		}
	}
}

// removable reports whether a statement can be left out without making the func wrong for
// the compiler.
func removable(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		if !ok {
			return true
		}
		f, ok := call.Fun.(*ast.Ident)
		return !ok || f.Name != "panic" && f.Name != "yield"
	case *ast.AssignStmt:
		return s.Tok != token.DEFINE && !blank(s.Lhs)
	case *ast.BranchStmt:
		return s.Tok == token.CONTINUE || s.Tok == token.BREAK
	case *ast.IncDecStmt, *ast.SendStmt, *ast.GoStmt, *ast.DeferStmt:
		return true
	}
	return false
}

// blank reports whether all that is assigned to is the blank identifier.
func blank(list []ast.Expr) bool {
	return !slices.ContainsFunc(list, func(e ast.Expr) bool {
		is, ok := e.(*ast.Ident)
		return !ok || is.Name != "_"
	})
}

// short returns a text on one line that is not long.
func short(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 80 {
		text = text[:77] + "…"
	}
	return text
}

// nest puts edits into those that enclose them, and returns the outermost, by place.
func nest(edits []*edit) []*edit {
	slices.SortStableFunc(edits, func(a, b *edit) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to)) })
	var outer []*edit
	var open []*edit
	for _, e := range edits {
		for len(open) > 0 && open[len(open)-1].to < e.to {
			open = open[:len(open)-1]
		}
		if len(open) > 0 && open[len(open)-1].to > e.from {
			in := open[len(open)-1]
			in.inside = append(in.inside, e)
		} else {
			open = nil
			outer = append(outer, e)
		}
		open = append(open, e)
	}
	return outer
}

// apply returns a part of the text with the edits made that lie in it.
func apply(text string, from, to int, edits []*edit) string {
	var b strings.Builder
	for _, e := range edits {
		b.WriteString(text[from:e.from])
		if o := e.operator; o != nil {
			left := apply(text, e.from, o.from, slices.DeleteFunc(slices.Clone(e.inside), func(in *edit) bool { return in.from >= o.to }))
			right := apply(text, o.to, e.to, slices.DeleteFunc(slices.Clone(e.inside), func(in *edit) bool { return in.from < o.to }))
			operator := text[o.from:o.to]
			fmt.Fprintf(&b, "(mutated(%d) && (%s %s %s) || !mutated(%d) && (%s %s %s))", o.number, left, o.other, right, o.number, left, operator, right)
		} else {
			b.WriteString(e.with(apply(text, e.from, e.to, e.inside)))
		}
		from = e.to
	}
	b.WriteString(text[from:to])
	return b.String()
}
