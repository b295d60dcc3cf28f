// Decoders of JSON that lose nothing: what encoding/json passes over in silence is an
// error here.

package data

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"unicode"
	"unicode/utf8"
)

// A PositionError is what is wrong at a place of a text. [File] puts the path before it,
// so that it reads like an error of a compiler.
type PositionError struct {
	Line, Column int // from 1; the column counts bytes
	Err          error
}

// Error returns line, column and what is wrong.
func (e *PositionError) Error() string { return fmt.Sprintf("%d:%d: %v", e.Line, e.Column, e.Err) }

// Unwrap returns what is wrong.
func (e *PositionError) Unwrap() error { return e.Err }

// position returns err with the place in text before which so many bytes lie.
func position(text []byte, offset int, err error) *PositionError {
	before := text[:min(max(offset, 0), len(text))]
	return &PositionError{bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n'), err}
}

// JSON decodes an object whose members are the entries. A byte order mark is passed
// over. Errors, each a [PositionError], are an empty text, null or any other value,
// anything behind the object, a key that an object has twice, at any depth, an entry
// that is null although V has no nil, and text that is no UTF-8. Keys that differ in
// case alone are one inside an entry if V has no maps, because encoding/json takes
// them for one field of a struct. Fields that a struct does not have are passed over, so
// that files may be newer than the program.
func JSON[V any](text []byte) (map[string]V, error) {
	m := make(map[string]V)
	text, members, err := decodeJSON[V](text, '{', &m)
	if err == nil {
		err = noNull[V](text, members, "entry")
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// JSONRecords returns a decoder of an array of records, each of which is an entry under
// the key that key returns for it. That two records have one key is an error, and so
// is all that is one for [JSON].
func JSONRecords[K cmp.Ordered, V any](key func(V) K) func(text []byte) (map[K]V, error) {
	return func(text []byte) (map[K]V, error) {
		var records []V
		text, elements, err := decodeJSON[V](text, '[', &records)
		if err == nil {
			err = noNull[V](text, elements, "record")
		}
		if err != nil {
			return nil, err
		}
		m := make(map[K]V, len(records))
		for i, v := range records {
			k := key(v)
			if _, ok := m[k]; ok {
				return nil, position(text, elements[i].at, fmt.Errorf("a record before has the key %#v too: give this one another, or drop one", k))
			}
			m[k] = v
		}
		return m, nil
	}
}

// noNull returns an error if an element is null and V has no nil.
func noNull[V any](text []byte, elements []element, what string) error {
	switch reflect.TypeFor[V]().Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		return nil
	}
	for _, e := range elements {
		if e.null {
			return position(text, e.at, fmt.Errorf("the %s is null: leave it out, or give it a value", what))
		}
	}
	return nil
}

// An element is a value in the outermost object or array of a text.
type element struct {
	at   int // in the text
	null bool
}

// decodeJSON decodes the one object or array of V that text is, which begins with open.
// It returns the text without byte order mark, and the elements. It finds everything
// that is wrong with the text but nulls.
func decodeJSON[V any](text []byte, open byte, into any) ([]byte, []element, error) {
	fail := func(offset int, format string, args ...any) ([]byte, []element, error) {
		return nil, nil, position(text, offset, fmt.Errorf(format, args...))
	}
	if bytes.HasPrefix(text, []byte{0xFE, 0xFF}) || bytes.HasPrefix(text, []byte{0xFF, 0xFE}) {
		return fail(0, "the text is UTF-16: save it as UTF-8")
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if !utf8.Valid(text) {
		n := 0
		for r, size := utf8.DecodeRune(text); r != utf8.RuneError || size > 1; r, size = utf8.DecodeRune(text[n:]) {
			n += size
		}
		return fail(n, "the byte %#x is no UTF-8: save the text as UTF-8", text[n])
	}
	begin := len(text) - len(bytes.TrimLeft(text, " \t\r\n"))
	if begin < len(text) && text[begin] != open && json.Valid(text) {
		what := map[byte]string{'{': "an object", '[': "an array"}[open]
		return fail(begin, "the text is not %s: begin it with %c", what, open)
	}
	fold := folds(reflect.TypeFor[V](), nil)
	if err := json.Unmarshal(text, into); err != nil {
		if offset, err := syntax(text); err != nil {
			return fail(offset, "%w", err)
		}
		offset, ok := 0, false
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
			offset, ok = int(wrong.Offset), true
		}
		if !ok { // it is of a method of V, or of something in it
			elements, _ := elementsOf(text, fold)
			for _, e := range elements {
				var v V
				if json.NewDecoder(bytes.NewReader(text[e.at:])).Decode(&v) != nil {
					offset = e.at
					break
				}
			}
		}
		return fail(offset, "%w", err)
	}
	elements, again := elementsOf(text, fold)
	if again != nil {
		first := position(text, again.first, nil)
		return fail(again.at, "the object has the key %q already at %d:%d: rename it, or drop one", again.key, first.Line, first.Column)
	}
	return text, elements, nil
}

// syntax returns what is wrong with text as JSON and where, nil if nothing is.
func syntax(text []byte) (offset int, err error) {
	var whole json.RawMessage
	wrong := (*json.SyntaxError)(nil)
	if err := json.Unmarshal(text, &whole); !errors.As(err, &wrong) {
		return 0, err
	}
	// Of a text that ends too early encoding/json may say that a space is wrong, which it
	// puts behind the end.
	end := (*json.SyntaxError)(nil)
	if err := json.Unmarshal(append(slices.Clone(text), 0), &whole); errors.As(err, &end) && end.Offset > int64(len(text)) {
		return len(text), errors.New("unexpected end of JSON input")
	}
	// The byte that is wrong was read, or, from Go 1.27 on, the whole character.
	for offset = int(wrong.Offset) - 1; !utf8.RuneStart(text[offset]); {
		offset--
	}
	return offset, wrong
}

// folds reports whether all objects in a value of the type are structs, whose fields
// encoding/json finds whatever the case of the key.
func folds(t reflect.Type, inside []reflect.Type) bool {
	if slices.Contains(inside, t) {
		return true
	}
	if p := reflect.PointerTo(t); p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return false // it decodes itself
	}
	inside = append(inside, t)
	switch t.Kind() {
	case reflect.Map, reflect.Interface:
		return false
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return folds(t.Elem(), inside)
	case reflect.Struct:
		for i := range t.NumField() {
			if !folds(t.Field(i).Type, inside) {
				return false
			}
		}
	}
	return true
}

// folded returns a key as all that differ from it in case alone.
func folded(key []byte) []byte {
	if !bytes.ContainsFunc(key, func(r rune) bool { return r >= utf8.RuneSelf || 'A' <= r && r <= 'Z' }) {
		return key
	}
	return bytes.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		if 'A' <= least && least <= 'Z' {
			least += 'a' - 'A'
		}
		return least
	}, key)
}

// A duplicate is a key that an object has twice.
type duplicate struct {
	key       string
	at, first int
}

// A level is an object or array that is open while a text is walked through.
type level struct {
	object bool
	key    bool // a key comes next
	keys   []member
	index  map[string]int // of keys, once they are many
}

type member struct {
	key []byte
	at  int
}

// many is from how many keys on an index pays.
const many = 16

// add adds a key and returns where the object has it already, -1 if it does not.
func (l *level) add(key []byte, at int) int {
	if l.index != nil {
		if first, ok := l.index[string(key)]; ok {
			return first
		}
		l.index[string(key)] = at
		return -1
	}
	for _, m := range l.keys {
		if bytes.Equal(m.key, key) {
			return m.at
		}
	}
	l.keys = append(l.keys, member{key, at})
	if len(l.keys) == many {
		l.index = make(map[string]int)
		for _, m := range l.keys {
			l.index[string(m.key)] = m.at
		}
	}
	return -1
}

// elementsOf walks through a valid text. It returns the elements of the outermost value,
// or the first key that an object has twice. Inside the elements keys are folded if
// fold says so.
func elementsOf(text []byte, fold bool) ([]element, *duplicate) {
	var elements []element
	var open []level
	value := func(i int) {
		if len(open) == 1 {
			elements = append(elements, element{i, text[i] == 'n'})
		}
	}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case ' ', '\t', '\r', '\n':
		case '{', '[':
			value(i)
			if len(open) < cap(open) {
				open = open[:len(open)+1] // with the memory of a level that was closed
			} else {
				open = append(open, level{})
			}
			top := &open[len(open)-1]
			object := text[i] == '{'
			*top = level{object: object, key: object, keys: top.keys[:0]}
		case '}', ']':
			open = open[:len(open)-1]
		case ',':
			top := &open[len(open)-1]
			top.key = top.object
		case ':':
			open[len(open)-1].key = false
		case '"':
			end := i + 1
			escaped := false
			for ; text[end] != '"'; end++ {
				if text[end] == '\\' {
					escaped = true
					end++
				}
			}
			if top := len(open) - 1; top >= 0 && open[top].key {
				key := text[i+1 : end]
				if escaped {
					var plain string
					_ = json.Unmarshal(text[i:end+1], &plain) // it is valid
					key = []byte(plain)
				}
				name := key
				if fold && top > 0 {
					name = folded(key)
				}
				if first := open[top].add(name, i); first >= 0 {
					return nil, &duplicate{string(key), i, first}
				}
			} else {
				value(i)
			}
			i = end
		default: // a number or a name
			value(i)
			for i+1 < len(text) && bytes.IndexByte([]byte(" \t\r\n,]}"), text[i+1]) < 0 {
				i++
			}
		}
	}
	return elements, nil
}
