// Rules: what switches a flag on or off, and how a file of them is read.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

// Flags are sources of rules. The key of a rule is "flag||pattern", as it is written in
// a file, so that the pattern that says most about a database is looked for among
// those of one flag.
var Flags = capability.New[Source]("flags", "switch features on and off for databases")

type (
	// A Source has rules. A file of them is one.
	Source = data.Source[string, bool]
	// A Table has the rules of several sources at one moment.
	Table = data.Table[string, bool]
)

const (
	header = "[feature_flags]"
	bars   = "||" // between flags and pattern
)

// decode decodes a file of rules, which has the form of that section of the
// configuration of CouchDB:
//
//	[feature_flags]
//	; The longest pattern that the name of a database matches wins, for each flag.
//	flag, another||name* = true
//	flag||name-of-one = false
//
// Without the header a file that is being written would be one without rules. What a
// file both enables and disables for one pattern is disabled.
func decode(text []byte) (map[string]bool, error) {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	rules := make(map[string]bool)
	begun := false
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		l := span{number, 0, line}.trim()
		switch {
		case l.text == "" || l.text[0] == ';':
		case l.text == header && !begun:
			begun = true
		case !begun:
			return nil, l.wrong("the rules do not begin: put %s before them", header)
		default:
			if err := l.rule(rules); err != nil {
				return nil, err
			}
		}
	}
	if !begun {
		return nil, span{max(number, 1), 0, ""}.wrong("there is no %s: begin the rules with it, even if there are none", header)
	}
	return rules, nil
}

// A span is a part of a line that begins after so many bytes.
type span struct {
	line, before int
	text         string
}

// trim returns the span without white space around it.
func (s span) trim() span {
	left := strings.TrimLeftFunc(s.text, unicode.IsSpace)
	return span{s.line, s.before + len(s.text) - len(left), strings.TrimRightFunc(left, unicode.IsSpace)}
}

// cut returns what is before and after a separator at i, trimmed.
func (s span) cut(i int, separator string) (before, after span) {
	end := i + len(separator)
	return span{s.line, s.before, s.text[:i]}.trim(), span{s.line, s.before + end, s.text[end:]}.trim()
}

func (s span) wrong(format string, args ...any) error {
	return &data.PositionError{Line: s.line, Column: s.before + 1, Err: fmt.Errorf(format, args...)}
}

// rule adds the rules of a line.
func (s span) rule(rules map[string]bool) error {
	equals, middle := strings.LastIndex(s.text, "="), strings.Index(s.text, bars)
	if equals < 0 || middle < 0 || equals < middle {
		return s.wrong("this is no rule: write flag, another||pattern = true, or false")
	}
	left, value := s.cut(equals, "=")
	if value.text != "true" && value.text != "false" {
		return value.wrong("the value is %q: write true or false", value.text)
	}
	list, pattern := left.cut(middle, bars)
	if at, problem := pattern.problem(); problem != nil {
		return at.wrong("the pattern %w", problem)
	}
	if i := strings.IndexByte(pattern.text, '*'); i >= 0 && i < len(pattern.text)-1 {
		pattern.before += i
		return pattern.wrong("the pattern %q goes on behind the *: end it there", pattern.text)
	}
	for more := true; more; {
		flag := list
		if i := strings.IndexByte(list.text, ','); i >= 0 {
			flag, list = list.cut(i, ",")
		} else {
			more = false
		}
		if at, problem := flag.problem(); problem != nil {
			return at.wrong("the flag %w", problem)
		}
		if strings.ContainsAny(flag.text, "|*=") {
			return flag.wrong("the flag %q holds one of |*=: leave it out", flag.text)
		}
		key := flag.text + bars + pattern.text
		before, ok := rules[key]
		rules[key] = value.text == "true" && (before || !ok)
	}
	return nil
}

// problem returns why the span is no name, and where.
func (s span) problem() (at span, problem error) {
	if s.text == "" {
		return s, errors.New("is empty: give it a name")
	}
	for i, r := range s.text {
		if at := (span{s.line, s.before + i, ""}); r == utf8.RuneError {
			return at, errors.New("is not UTF-8: save the file as UTF-8")
		} else if r == ' ' || !unicode.IsPrint(r) {
			return at, fmt.Errorf("%q holds %U: use printable characters without spaces", s.text, r)
		}
	}
	return s, nil
}
