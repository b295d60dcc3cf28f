// The extension point for output, and its providers: JSON and a table.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/typedcap/capability"
)

// A Formatter decides whether it writes the format that somebody asked for. One
// formatter may know several.
type Formatter interface {
	Offer(format string) capability.Decision[Write]
}

// A Write writes a list of plug-ins.
type Write func(w io.Writer, plugins []Plugin) error

// Formats is the extension point.
var Formats = capability.New[Formatter]("format", "writes a list of plug-ins")

// formatter returns who writes the format.
func formatter(formats capability.Chain[Formatter], format string) (Write, error) {
	d, err := capability.Decide(formats, func(f Formatter) (capability.Decision[Write], error) {
		return f.Offer(format), nil
	})
	if err != nil {
		return nil, err
	}
	write, ok := d.Get()
	if !ok {
		return nil, usagef("nobody writes the format %q%s: %s were asked",
			format, suggestion(format, formats.Names()), strings.Join(formats.Names(), ", "))
	}
	return write, nil
}

// asTable writes a table for people. It leaves out the values of the environment,
// which may be secrets.
type asTable struct{}

func (asTable) Offer(format string) (none capability.Decision[Write]) {
	if format == "table" || format == "" {
		return capability.Decided[Write](writeTable)
	}
	return none
}

func writeTable(w io.Writer, plugins []Plugin) error {
	if len(plugins) == 0 {
		_, err := fmt.Fprintln(w, "no plug-ins are registered")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tTIME LIMIT\tIMAGE\tENVIRONMENT\tCOMMAND")
	for _, p := range plugins {
		var variables []string
		for _, pair := range p.Environment {
			name, _, _ := strings.Cut(pair, "=")
			variables = append(variables, name)
		}
		fmt.Fprintf(t, "%s\t%v\t%s\t%s\t%s\n", p.Name, p.TimeLimit, dash(p.Image), dash(strings.Join(variables, ",")), commandLine(p.Command))
	}
	return t.Flush()
}

// dash returns s, and a dash for nothing.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// asJSON writes an array for programs, with all that is known.
type asJSON struct{}

func (asJSON) Offer(format string) (none capability.Decision[Write]) {
	if format == "json" {
		return capability.Decided[Write](writeJSON)
	}
	return none
}

func writeJSON(w io.Writer, plugins []Plugin) error {
	type row struct {
		Name        string   `json:"name"`
		Command     []string `json:"command"`
		Environment []string `json:"environment,omitempty"`
		Image       string   `json:"image,omitempty"`
		TimeLimit   string   `json:"time_limit"`
	}
	rows := make([]row, 0, len(plugins)) // no plug-ins are [] and not null
	for _, p := range plugins {
		rows = append(rows, row{p.Name, p.Command, p.Environment, p.Image, p.TimeLimit.String()})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(rows)
}
