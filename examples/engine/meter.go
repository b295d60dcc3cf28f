// What is counted of the lines themselves.

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/typedcap/capability"
)

// A meter counts lines.
type meter struct {
	lines, blank, bad, understood int
	bytes                         int64
	by                            map[string]int // events by the parser that decided
	badLines                      []badLine      // the first few
}

// A badLine is a line that was left out.
type badLine struct {
	number int
	why    string
}

// maxBad is how many bad lines the report names. All are counted.
const maxBad = 10

var errEncoding = errors.New("the line is not UTF-8")

// text counts the line and returns its text, and false if there is nothing to
// parse.
func (m *meter) text(number int, line []byte, fault error) (string, bool) {
	m.lines++
	if number == 1 {
		m.by = make(map[string]int)
		line = []byte(strings.TrimPrefix(string(line), "\uFEFF"))
	}
	switch {
	case fault != nil:
		m.refuse(number, fault)
	case !utf8.Valid(line):
		m.refuse(number, errEncoding)
	case blank(line):
		m.blank++
	default:
		return string(line), true
	}
	return "", false
}

func blank(line []byte) bool {
	return !slices.ContainsFunc(line, func(c byte) bool { return c != ' ' && c != '\t' })
}

// refuse counts a bad line. Of an error out of a verb it keeps who said what.
func (m *meter) refuse(number int, err error) {
	m.bad++
	if len(m.badLines) == maxBad {
		return
	}
	why := err.Error()
	if by := (*capability.Error)(nil); errors.As(err, &by) {
		why = fmt.Sprintf("%s of %s: %v", by.Provider, by.Capability, by.Err)
	}
	m.badLines = append(m.badLines, badLine{number, strings.Clone(clip(why, 200))})
}
