// The fields of a JSON object on its first level, without decoding the rest.

package main

import (
	"encoding/json"
	"strings"
)

// An object walks over the fields of a JSON object, in the order written. It
// takes for granted that the text is valid, which makes it short, and copies
// nothing.
type object struct {
	rest  string // what is left, from the next field on
	key   string // the name as written, with its quotes
	value string // the value as written
}

// firstLevel returns the walk over text, which must be a valid JSON object.
func firstLevel(text string) object {
	_, rest, _ := strings.Cut(text, "{")
	return object{rest: rest}
}

const space = " \t\r\n"

// next goes to the next field, and reports whether there is one.
func (o *object) next() bool {
	o.rest = strings.TrimLeft(o.rest, space+",")
	if o.rest == "" || o.rest[0] != '"' {
		return false
	}
	end := stringEnd(o.rest)
	o.key, o.rest = o.rest[:end], strings.TrimLeft(o.rest[end:], space+":")
	end = valueEnd(o.rest)
	o.value, o.rest = o.rest[:end], o.rest[end:]
	return true
}

// name returns the name of the field.
func (o *object) name() string {
	s, _ := unquote(o.key)
	return s
}

// text returns the value, and false if it is no string.
func (o *object) text() (string, bool) { return unquote(o.value) }

// unquote returns what a valid JSON value means if it is a string. It allocates
// only if the string has escapes.
func unquote(v string) (string, bool) {
	if v == "" || v[0] != '"' {
		return "", false
	}
	if s := v[1 : len(v)-1]; strings.IndexByte(s, '\\') < 0 {
		return s, true
	}
	var s string
	err := json.Unmarshal([]byte(v), &s)
	return s, err == nil
}

// stringEnd returns where the string ends that s begins with.
func stringEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// valueEnd returns where the value ends that s begins with.
func valueEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i += stringEnd(s[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(s)
}
