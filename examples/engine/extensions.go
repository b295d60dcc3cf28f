// The extensions of the engine, and what their configurations have in common.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/typedcap/capability/extension"
)

// documentation is where more about the extensions is to be read.
const documentation = "https://github.com/typedcap/capability/blob/main/examples/engine/"

// extensions are those that a placement may name. A new one is a file of its own and
// one word here.
var extensions = []extension.Extension{Token, Dataset, RateLimit}

// A Duration is a time in a configuration, such as "1m30s".
type Duration time.Duration

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no time: write it as in \"1m30s\"", clip(string(text), 40))
	}
	*d = Duration(parsed)
	return nil
}

// String returns it as it is written.
func (d Duration) String() string { return time.Duration(d).String() }

// A format is what the flag -extensions says: in which form they are to be described.
// Given without a value it is text.
type format string

func (f *format) String() string { return string(*f) }

// IsBoolFlag says that the flag needs no value.
func (f *format) IsBoolFlag() bool { return true }

// Set takes the value.
func (f *format) Set(s string) error {
	switch s {
	case "true":
		s = "text"
	case "text", "markdown", "json":
	default:
		return fmt.Errorf("it is text, markdown or json")
	}
	*f = format(s)
	return nil
}

// reference describes the extensions, and what others could be written for.
func reference() extension.Reference {
	return extension.NewReference([]extension.Key{Parsers, Enrichers, Filters, Sinks, Around, Rows, LabelSources}, extensions)
}

// describe writes what the extensions are.
func (f format) describe(w io.Writer) error {
	r := reference()
	text := r.String()
	switch f {
	case "markdown":
		text = r.Markdown()
	case "json":
		data, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		text = string(data) + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
