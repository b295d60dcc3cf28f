// Plug-ins: what somebody registers, and what is wrong with what was typed.

package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Plugin is a command that is registered under a name.
type Plugin struct {
	Name        string
	Command     []string      // the program and its arguments
	Environment []string      // NAME=VALUE, added to what the program inherits
	Image       string        // of the container that it is for; "" if it is for none
	TimeLimit   time.Duration // above 0
}

// check returns all that is wrong with the plug-in.
func (p Plugin) check() error {
	errs := []error{checkName(p.Name)}
	if len(p.Command) == 0 || p.Command[0] == "" {
		errs = append(errs, errors.New("no command is given: write it behind the name, as in add hello -- echo hi"))
	}
	for i, word := range p.Command {
		if !isText(word) {
			errs = append(errs, fmt.Errorf("word %d of the command, %q, is not UTF-8: put it into a script, and add the script", i+1, word))
		}
	}
	for _, pair := range p.Environment {
		if err := checkPair(pair); err != nil {
			errs = append(errs, fmt.Errorf("variable %q: %w", pair, err))
		}
	}
	if strings.HasPrefix(p.Image, "-") || strings.ContainsFunc(p.Image, notVisible) {
		errs = append(errs, fmt.Errorf("the image %q is no name of an image: give one such as alpine:3", p.Image))
	}
	if p.TimeLimit <= 0 {
		errs = append(errs, fmt.Errorf("the time limit is %v: give one above 0, such as 30s", p.TimeLimit))
	}
	return errors.Join(errs...)
}

const maxName = 64

// checkName returns what is wrong with the name of a plug-in.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the name of the plug-in is empty: give one, such as hello")
	case len(name) > maxName:
		return fmt.Errorf("the name %q… is longer than %d bytes: give a shorter one", name[:maxName/2], maxName)
	}
	for i, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && (i == 0 || !strings.ContainsRune("._-", r)) {
			return fmt.Errorf("the name %q holds %q at byte %d: use letters, digits and, behind the first, dots, dashes and underscores", name, r, i)
		}
	}
	return nil
}

// checkPair returns what is wrong with a variable of the environment.
func checkPair(pair string) error {
	name, _, ok := strings.Cut(pair, "=")
	if !ok || name == "" || strings.ContainsFunc(name, notVisible) || !isText(pair) {
		return errors.New("it is not of the form NAME=VALUE, such as LANG=C")
	}
	return nil
}

func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

func notVisible(r rune) bool { return r == utf8.RuneError || r == ' ' || !unicode.IsPrint(r) }

// commandLine returns the words as one line that a shell reads in the same way,
// unless there are control characters in it; those are shown and not sent to the
// terminal.
func commandLine(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		switch {
		case word != "" && !strings.ContainsFunc(word, special):
			quoted[i] = word
		case strings.ContainsFunc(word, func(r rune) bool { return r != ' ' && notVisible(r) }):
			quoted[i] = strconv.Quote(word)
		default:
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// special reports whether a shell, or a terminal, may read more into r than r.
func special(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("%+,-./:=@_", r)
}

// suggestion returns " (did you mean …?)" if one of the names is much like what
// was typed, and "" otherwise.
func suggestion(typed string, names []string) string {
	best, least := "", 1+max(1, min(len(typed), maxName)/3)
	for _, name := range names {
		if len(typed) > maxName || len(name) > maxName {
			continue
		}
		if d := distance(typed, name); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// distance returns how many letters have to be put in, left out or exchanged to
// make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			exchange := diagonal
			if a[i] != b[j] {
				exchange++
			}
			diagonal = row[j+1]
			row[j+1] = min(exchange, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
