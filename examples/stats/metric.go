// Metrics: what a description file says of each of them, and how it is read.

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

// Metrics are sources of descriptions, by the names of metrics.
var Metrics = capability.New[Source]("metrics", "describe what a server measures")

// A Source describes metrics. A description file is one.
type Source = data.Source[string, Metric]

// A Metric says what is measured, and how.
type Metric struct {
	Type string `json:"type"` // one of types
	Text string `json:"desc"` // for people
}

var types = []string{"counter", "gauge", "histogram"}

// problem returns what is wrong with the description, or "".
func (m Metric) problem() string {
	switch {
	case m.Type == "":
		return "has no type: give it one of " + strings.Join(types, ", ")
	case !slices.Contains(types, m.Type):
		return fmt.Sprintf("is of the unknown type %q: use one of %s", m.Type, strings.Join(types, ", "))
	case strings.TrimSpace(m.Text) == "":
		return "has no desc: say in a few words what it measures"
	}
	return ""
}

// decode decodes a description file. It takes what data.JSON takes, as long as each
// description says all that there is to say.
func decode(text []byte) (map[string]Metric, error) {
	metrics, err := data.JSON[Metric](text)
	if err != nil {
		return nil, err
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	for at, name := range members(text) {
		if problem := metrics[name].problem(); problem != "" {
			before := text[:at]
			return nil, &data.PositionError{
				Line:   bytes.Count(before, []byte("\n")) + 1,
				Column: at - bytes.LastIndexByte(before, '\n'),
				Err:    fmt.Errorf("the metric %q %s", name, problem),
			}
		}
	}
	return metrics, nil
}

// members yields the names of an object that is known to be valid, with their places
// in the text.
func members(text []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		d := json.NewDecoder(bytes.NewReader(text))
		for _, _ = d.Token(); d.More(); { // the first token is the brace
			end := int(d.InputOffset()) // of what stands before
			at := end + bytes.IndexByte(text[end:], '"')
			name, _ := d.Token()
			var value json.RawMessage
			_ = d.Decode(&value)
			if !yield(at, name.(string)) {
				return
			}
		}
	}
}
