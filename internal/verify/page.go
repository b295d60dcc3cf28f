// The page: its table is made from the checks, but for the outcomes, which it keeps.

package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// The table is between these lines.
const (
	tableBegins = "<!-- made by: go test ./internal/verify -update -->\n"
	tableEnds   = "<!-- end -->\n"
)

// none is the outcome of a check that was not run yet.
const none = "not run yet"

// asks says what a check has to reach.
func (c check) asks(p plan) string {
	var parts []string
	for _, m := range c.measures {
		asked := grouped(m.asked(p)) + " " + m.what
		if !m.most || m.asked(p) > 0 {
			asked = sign(m.most) + " " + asked
		}
		parts = append(parts, asked)
	}
	return strings.Join(parts, ", ")
}

// outcomesOf returns the last cells of the table by the first ones.
func outcomesOf(table string) map[string]string {
	outcomes := make(map[string]string)
	for text := range strings.Lines(table) {
		row := strings.Split(strings.TrimSpace(text), " | ")
		if len(row) > 1 {
			outcomes[strings.TrimPrefix(row[0], "| ")] = strings.TrimSuffix(row[len(row)-1], " |")
		}
	}
	return outcomes
}

// render returns the table with these outcomes.
func render(checks []check, outcomes map[string]string) string {
	var b strings.Builder
	b.WriteString("| check | what is done | each CI run | before a release | command of a CI run | outcome of the last release check |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- |\n")
	ci := plan{scale: 1, scratch: ".bin/verify"}
	release := ci
	release.release = true
	for _, c := range checks {
		name := "`" + c.name + "`"
		outcome := outcomes[name]
		if outcome == "" {
			outcome = none
		}
		command := strings.ReplaceAll(c.command(ci).String(), "|", "\\|")
		fmt.Fprintf(&b, "| %s | %s | %s | %s | `%s` | %s |\n", name, c.what, c.asks(ci), c.asks(release), command, outcome)
	}
	return b.String()
}

// cutPage returns what is before, in and after the table.
func cutPage(text string) (before, table, after string, err error) {
	before, rest, begins := strings.Cut(text, tableBegins)
	table, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return "", "", "", fmt.Errorf("the page has no table between %q and %q", strings.TrimSpace(tableBegins), strings.TrimSpace(tableEnds))
	}
	return before + tableBegins, table, tableEnds + after, nil
}

// record writes the outcome of one check to the page.
func record(file string, o outcome, command string, now time.Time) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, table, after, err := cutPage(string(text))
	if err != nil {
		return err
	}
	var parts []string
	for _, r := range o.reached {
		parts = append(parts, r.String())
	}
	if o.err != nil {
		parts = append(parts, "the command ended with "+o.err.Error())
	}
	told := fmt.Sprintf("**%s** %s: %s in %v, by `%s` on %s", o.verdict(), now.Format(time.DateOnly), strings.Join(parts, ", "),
		o.took.Round(time.Second), command, machine())
	row, out := "| `"+o.name+"` | ", strings.Builder{}
	found := false
	for text := range strings.Lines(table) {
		if strings.HasPrefix(text, row) {
			found = true
			text = text[:strings.LastIndex(strings.TrimSuffix(text, " |\n"), " | ")] + " | " + strings.ReplaceAll(told, "|", "\\|") + " |\n"
		}
		out.WriteString(text)
	}
	if !found {
		return fmt.Errorf("the table of %s has no row %q", file, o.name)
	}
	return os.WriteFile(file, []byte(before+out.String()+after), 0o644)
}
