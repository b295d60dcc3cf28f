// Texts: what a value is, with all that it points to.

package capabilitytest

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// A text goes no deeper and becomes no longer than that.
const (
	deepest = 32
	longest = 1 << 20
)

// textOf returns what a value is, with what it points to, fields that are not exported
// included. Channels and funcs are where they are, and so is what is pointed to and
// guarded by itself, with a lock or as an atomic: others may be writing to it.
func textOf(v any) string {
	w := &writer{path: make(map[visit]bool)}
	w.write(reflect.ValueOf(v), 0)
	return w.String()
}

type writer struct {
	strings.Builder
	path map[visit]bool // what is being written
}

// A visit is of a pointer, map or slice.
type visit struct {
	at  uintptr
	typ reflect.Type
	len int
}

func (w *writer) write(v reflect.Value, depth int) {
	if depth > deepest || w.Len() > longest {
		w.WriteString("…")
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		if v.IsNil() {
			w.WriteString("nil")
			return
		}
		is := visit{v.Pointer(), v.Type(), 0}
		if v.Kind() == reflect.Slice {
			is.len = v.Len()
		}
		if w.path[is] {
			w.WriteString("…")
			return
		}
		w.path[is] = true
		defer delete(w.path, is)
	}
	switch v.Kind() {
	case reflect.Invalid:
		w.WriteString("nil")
	case reflect.Bool:
		fmt.Fprint(w, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		fmt.Fprint(w, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		fmt.Fprint(w, v.Uint())
	case reflect.Float32, reflect.Float64:
		fmt.Fprint(w, v.Float())
	case reflect.Complex64, reflect.Complex128:
		fmt.Fprint(w, v.Complex())
	case reflect.String:
		fmt.Fprintf(w, "%q", v.String())
	case reflect.Chan, reflect.Func, reflect.UnsafePointer:
		fmt.Fprintf(w, "%v at %#x", v.Type(), v.Pointer())
	case reflect.Interface:
		if v.IsNil() {
			w.WriteString("nil")
			return
		}
		fmt.Fprintf(w, "%v(", v.Elem().Type())
		w.write(v.Elem(), depth+1)
		w.WriteString(")")
	case reflect.Pointer:
		if guarded(v.Type().Elem()) {
			fmt.Fprintf(w, "%v at %#x", v.Type(), v.Pointer())
			return
		}
		w.WriteString("&")
		w.write(v.Elem(), depth+1)
	case reflect.Struct:
		w.list("{", "}", v.NumField(), func(i int) {
			w.WriteString(v.Type().Field(i).Name + ":")
			w.write(v.Field(i), depth+1)
		})
	case reflect.Array, reflect.Slice:
		w.list("[", "]", v.Len(), func(i int) { w.write(v.Index(i), depth+1) })
	case reflect.Map:
		type entry struct {
			key   string
			value reflect.Value
		}
		var entries []entry
		for m := v.MapRange(); m.Next(); {
			key := &writer{path: w.path}
			key.write(m.Key(), depth+1)
			entries = append(entries, entry{key.String(), m.Value()})
		}
		slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
		w.list("map[", "]", len(entries), func(i int) {
			w.WriteString(entries[i].key + ":")
			w.write(entries[i].value, depth+1)
		})
	}
}

// list writes n things, each with write, until the text is too long.
func (w *writer) list(open, end string, n int, write func(int)) {
	w.WriteString(open)
	for i := range n {
		if i > 0 {
			w.WriteString(" ")
		}
		if w.Len() > longest {
			w.WriteString("…")
			break
		}
		write(i)
	}
	w.WriteString(end)
}

// guarded reports whether a value of that type holds what is written to while others read:
// a lock, an atomic, or what time keeps of zones.
func guarded(t reflect.Type) bool {
	switch {
	case t.PkgPath() == "sync" || t.PkgPath() == "sync/atomic" || t == reflect.TypeFor[time.Location]():
		return true
	case t.Kind() == reflect.Array:
		return guarded(t.Elem())
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if guarded(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

// apart returns two texts from shortly before where they differ to shortly after, if
// they are long.
func apart(a, b string) (string, string) {
	const around = 100
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	cut := func(text string) string {
		from, to := max(0, at-around), min(len(text), at+around)
		if from > 0 {
			text, to = "…"+text[from:], to-from+len("…")
		}
		if to < len(text) {
			text = text[:to] + "…"
		}
		return strings.ToValidUTF8(text, "")
	}
	return cut(a), cut(b)
}
