// Verdicts: which flags a database has, and why.

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/typedcap/capability/data"
)

// A verdict says whether a database has a flag, by which pattern, and who says so.
type verdict struct {
	flag, pattern, source string
	on                    bool
}

func (v *verdict) String() string {
	if v == nil {
		return "no rule"
	}
	state := "off"
	if v.on {
		state = "on"
	}
	return fmt.Sprintf("%s by %s of %s", state, v.pattern, v.source)
}

// decide returns the verdict on one flag, nil if no rule is about the database. To ask
// just whether the flag is on takes no more than the Match.
func decide(t *Table, flag, database string) *verdict {
	on, rule, ok := data.Match(t, flag+bars+database)
	if !ok {
		return nil
	}
	_, source, _ := t.Lookup(rule)
	return &verdict{flag, strings.TrimPrefix(rule, flag+bars), source, on}
}

// flagsOf returns all flags that rules are about, in order.
func flagsOf(tables ...*Table) []string {
	var flags []string
	for _, t := range tables {
		for rule := range t.Keys() {
			flag, _, _ := strings.Cut(rule, bars)
			flags = append(flags, flag)
		}
	}
	slices.Sort(flags)
	return slices.Compact(flags)
}
