// Reading JSON strictly: whatever is wrong with a text is found, all of it, and each
// mistake has its place.

package main

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of a text and of what is said about it.
const (
	maxConfig   = 1 << 20 // bytes
	maxMistakes = 50
)

// A document is a text of JSON, and the mistakes that were found in it.
type document struct {
	name  string
	text  []byte
	wrong []mistake
}

type mistake struct {
	at   int // in the text
	text string
}

// errorf notes a mistake.
func (d *document) errorf(at int, format string, args ...any) {
	d.wrong = append(d.wrong, mistake{at, fmt.Sprintf(format, args...)})
}

// where returns an offset as people write it, as compilers do.
func (d *document) where(at int) string {
	before := d.text[:min(at, len(d.text))]
	return fmt.Sprintf("%s:%d:%d", d.name, 1+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n'))
}

// err returns the mistakes, a line each, in the order of the text.
func (d *document) err() error {
	slices.SortStableFunc(d.wrong, func(a, b mistake) int { return cmp.Compare(a.at, b.at) })
	var errs []error
	for i, m := range d.wrong {
		if i == maxMistakes {
			errs = append(errs, fmt.Errorf("%s: there are %d more mistakes from here on", d.where(m.at), len(d.wrong)-i))
			break
		}
		errs = append(errs, fmt.Errorf("%s: %s", d.where(m.at), clip(strings.ReplaceAll(m.text, "\n", "; "), 1000)))
	}
	return errors.Join(errs...)
}

// A value is what stands at a place. The zero value stands nowhere.
type value struct {
	at, end int
	open    byte // '{' or '[', 0 if it is neither
	members []field
}

// A field is a member of an object, or with an empty name an element of an array.
type field struct {
	name  string
	at    int // of the name
	value value
}

// parse returns the outermost value, and false if the text is no JSON.
func (d *document) parse() (v value, ok bool) {
	syntax := (*json.SyntaxError)(nil)
	var whole json.RawMessage
	err := json.Unmarshal(d.text, &whole)
	switch {
	case len(d.text) > maxConfig:
		d.errorf(0, "the text is longer than %d bytes: make it shorter", maxConfig)
	case !utf8.Valid(d.text):
		at := 0
		for at < len(d.text) {
			r, size := utf8.DecodeRune(d.text[at:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			at += size
		}
		d.errorf(at, "the byte %#x is no UTF-8: save the text as UTF-8", d.text[at])
	case errors.As(err, &syntax) && strings.HasPrefix(syntax.Error(), "unexpected end"):
		d.errorf(len(d.text), "%v", err)
	case errors.As(err, &syntax):
		at := max(int(syntax.Offset)-1, 0) // the byte that is wrong was read, or the whole character
		for at > 0 && !utf8.RuneStart(d.text[at]) {
			at--
		}
		d.errorf(at, "%v", err)
	default:
		tokens := json.NewDecoder(bytes.NewReader(d.text))
		tokens.UseNumber()
		return d.value(tokens), true
	}
	return v, false
}

// value reads the next value. The text is known to be valid.
func (d *document) value(tokens *json.Decoder) value {
	v := value{at: d.next(tokens)}
	token, _ := tokens.Token()
	if open, ok := token.(json.Delim); ok {
		v.open = byte(open)
		first := make(map[string]int)
		for tokens.More() {
			f := field{at: d.next(tokens)}
			if v.open == '{' {
				name, _ := tokens.Token()
				f.name = name.(string)
			}
			at, again := first[f.name]
			first[f.name] = f.at
			f.value = d.value(tokens)
			if again && v.open == '{' {
				d.errorf(f.at, "%q stands here twice, first at %s: drop one", f.name, d.where(at))
				continue
			}
			v.members = append(v.members, f)
		}
		_, _ = tokens.Token() // the end
	}
	v.end = int(tokens.InputOffset())
	return v
}

// next returns where the next token begins.
func (d *document) next(tokens *json.Decoder) int {
	at := int(tokens.InputOffset())
	return at + len(d.text[at:]) - len(bytes.TrimLeft(d.text[at:], space+",:"))
}

// A reader reads a value in its own way.
type reader interface{ read(d *document, v value) }

// into stores the value where to points to, as encoding/json would, but for this: names
// must be written as in the tags, nothing may be null, and all mistakes are found.
func (d *document) into(v value, to any) {
	target := reflect.ValueOf(to).Elem()
	_, unmarshals := to.(encoding.TextUnmarshaler)
	switch r, reads := to.(reader); {
	case reads:
		r.read(d, v)
	case d.text[v.at] == 'n':
		d.errorf(v.at, "there is null: leave it out, or give a value")
	case unmarshals || target.Kind() != reflect.Struct && target.Kind() != reflect.Slice && target.Kind() != reflect.Map:
		if err := json.Unmarshal(d.text[v.at:v.end], to); err != nil {
			if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
				err = fmt.Errorf("there is a %s: give %s", wrong.Value, kindOf(target.Kind(), unmarshals))
			}
			d.errorf(v.at, "%v", err)
		}
	case target.Kind() == reflect.Slice:
		if d.is(v, '[') {
			target.Set(reflect.MakeSlice(target.Type(), len(v.members), len(v.members)))
		}
		for i := range target.Len() {
			d.into(v.members[i].value, target.Index(i).Addr().Interface())
		}
	case !d.is(v, '{'):
	case target.Kind() == reflect.Map:
		target.Set(reflect.MakeMap(target.Type()))
		for _, f := range v.members {
			e := reflect.New(target.Type().Elem())
			d.into(f.value, e.Interface())
			target.SetMapIndex(reflect.ValueOf(f.name), e.Elem())
		}
	default:
		d.fields(v, target)
	}
}

// fields stores the members of an object in the fields of a struct.
func (d *document) fields(v value, target reflect.Value) {
	var known []string
	for i := range target.NumField() {
		known = append(known, target.Type().Field(i).Tag.Get("json"))
	}
	for _, f := range v.members {
		if i := slices.Index(known, f.name); i >= 0 {
			d.into(f.value, target.Field(i).Addr().Interface())
		} else {
			d.errorf(f.at, "nothing here is called %q: %s", f.name, didYouMean(f.name, known))
		}
	}
}

// is reports whether the value begins like that, and notes a mistake if not.
func (d *document) is(v value, open byte) bool {
	if v.open != open {
		d.errorf(v.at, "give %s", map[byte]string{'{': "an object, in {}", '[': "a list, in []"}[open])
	}
	return v.open == open
}

// kindOf returns what is wanted instead of another kind of value.
func kindOf(k reflect.Kind, unmarshals bool) string {
	switch {
	case unmarshals || k == reflect.String:
		return "a text, in quotes"
	case k == reflect.Bool:
		return "true or false"
	}
	return "a whole number"
}
