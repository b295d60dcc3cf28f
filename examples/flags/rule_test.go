// Tests of rules: how they are read, and that they say what CouchDB has them say.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

func TestRules(t *testing.T) {
	got, err := decode([]byte("\uFEFF\r\n; a comment\r\n  [feature_flags]\r\na,b , c||x* = true\r\n\ta||y=false\n" +
		"b||x* = false\nb||x* = true\nd||k=v|| = true\né||ö* = true"))
	want := map[string]bool{"a||x*": true, "b||x*": false, "c||x*": true, "a||y": false, "d||k=v||": true, "é||ö*": true}
	if diff := gocmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := decode([]byte(header)); err != nil || len(got) != 0 || got == nil {
		t.Errorf("no rules are %v, %v", got, err)
	}
}

// Each text is refused, at that place.
func TestBadRules(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "1:1: there is no [feature_flags]: begin the rules with it, even if there are none"},
		{"comments only", ";\n;", "2:1: there is no [feature_flags]: begin the rules with it, even if there are none"},
		{"half a header", "[feature_f", "1:1: the rules do not begin: put [feature_flags] before them"},
		{"rule before the header", "\n a||x = true\n[feature_flags]", "2:2: the rules do not begin: put [feature_flags] before them"},
		{"another section", "[feature_flags]\n[log]", "2:1: this is no rule: write flag, another||pattern = true, or false"},
		{"second header", "[feature_flags]\n[feature_flags]", "2:1: this is no rule: write flag, another||pattern = true, or false"},
		{"no bars", "[feature_flags]\na|x = true", "2:1: this is no rule: write flag, another||pattern = true, or false"},
		{"no value", "[feature_flags]\na||x", "2:1: this is no rule: write flag, another||pattern = true, or false"},
		{"bars behind the value", "[feature_flags]\na = true||x", "2:1: this is no rule: write flag, another||pattern = true, or false"},
		{"empty value", "[feature_flags]\na||x =", `2:7: the value is "": write true or false`},
		{"other value", "[feature_flags]\n\n\ta||x =  True", `3:10: the value is "True": write true or false`},
		{"comment behind the value", "[feature_flags]\na||x = true ; why", `2:8: the value is "true ; why": write true or false`},
		{"no flag", "[feature_flags]\n||x = true", "2:1: the flag is empty: give it a name"},
		{"no last flag", "[feature_flags]\na, ||x = true", "2:3: the flag is empty: give it a name"},
		{"no flag between", "[feature_flags]\na,,b||x = true", "2:3: the flag is empty: give it a name"},
		{"flag of two words", "[feature_flags]\nb, a c||x = true", `2:5: the flag "a c" holds U+0020: use printable characters without spaces`},
		{"flag with a star", "[feature_flags]\nb, a*||x = true", `2:4: the flag "a*" holds one of |*=: leave it out`},
		{"no pattern", "[feature_flags]\na|| = true", "2:4: the pattern is empty: give it a name"},
		{"star in front", "[feature_flags]\na||*x = true", `2:4: the pattern "*x" goes on behind the *: end it there`},
		{"two stars", "[feature_flags]\na||x** = true", `2:5: the pattern "x**" goes on behind the *: end it there`},
		{"pattern with an escape", "[feature_flags]\na||x\x1b = true", `2:5: the pattern "x\x1b" holds U+001B: use printable characters without spaces`},
		{"no UTF-8", "[feature_flags]\na||x\xff = true", "2:5: the pattern is not UTF-8: save the file as UTF-8"},
		{"UTF-16", "\xff\xfe[\x00", "1:1: the rules do not begin: put [feature_flags] before them"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := decode([]byte(test.text))
			if at := (*data.PositionError)(nil); !errors.As(err, &at) || err.Error() != test.want || got != nil {
				t.Errorf("got %v and %v, want %s", got, err, test.want)
			}
		})
	}
}

// A file cut short anywhere but behind a rule is refused.
func TestTruncatedRules(t *testing.T) {
	for n := range len(rules) {
		got, err := decode([]byte(rules[:n]))
		lines := strings.Split(rules[:n], "\n")
		last := lines[len(lines)-1]
		whole := len(lines) > 1 && (last == "" || last[0] == ';' || strings.HasSuffix(last, " = true") || strings.HasSuffix(last, " = false")) || last == header
		if whole != (err == nil) {
			t.Errorf("%q is %v, %v", rules[:n], got, err)
		}
	}
}

// A rule as the model has it.
type rule struct {
	flag, pattern string
	on            bool
}

// couch resolves rules as CouchDB does: it goes from the pattern that says least about
// the database to the one that says most, adds what each enables and takes away what it
// disables.
func couch(rules []rule, database string) []string {
	says := make(map[string]int) // how much, of the patterns that match
	for _, r := range rules {
		if prefix, many := strings.CutSuffix(r.pattern, "*"); many && strings.HasPrefix(database, prefix) {
			says[r.pattern] = len(prefix)
		} else if r.pattern == database {
			says[r.pattern] = len(database) + 1
		}
	}
	has := make(map[string]bool)
	for _, p := range slices.SortedFunc(maps.Keys(says), func(a, b string) int { return cmp.Compare(says[a], says[b]) }) {
		for _, on := range []bool{true, false} {
			for _, r := range rules {
				if r.pattern == p && r.on == on {
					has[r.flag] = on
				}
			}
		}
	}
	maps.DeleteFunc(has, func(_ string, on bool) bool { return !on })
	return slices.Sorted(maps.Keys(has))
}

// Two files of rules, of which the second goes before the first, say of every name what
// CouchDB would say of the rules that are left when those of the first that the second
// has too are dropped.
func TestFlagsEqualCouchDB(t *testing.T) {
	var names []string
	for n := range 1 << 5 {
		if bits := fmt.Sprintf("%b", n); n > 0 {
			names = append(names, strings.NewReplacer("0", "a", "1", "b").Replace(bits[1:]))
		}
	}
	drawn := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) rule {
		return rule{
			rapid.SampledFrom([]string{"f", "g", "ff"}).Draw(t, "flag"),
			rapid.StringMatching("[ab]{0,4}[*]|[ab]{1,4}").Draw(t, "pattern"),
			rapid.Bool().Draw(t, "on"),
		}
	}), 0, 12)
	rapid.Check(t, func(t *rapid.T) {
		layers := [][]rule{drawn.Draw(t, "engine"), drawn.Draw(t, "pipeline")}
		registries := []*capability.Registry{capability.NewRegistry(capability.Engine, "engine"), capability.NewRegistry(capability.Pipeline, "pipeline")}
		for i, layer := range layers {
			text := header + "\n"
			for _, r := range layer {
				text += fmt.Sprintf("%s||%s = %t\n", r.flag, r.pattern, r.on)
			}
			m, err := decode([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := registries[i].Apply(Flags.Bind([]string{"rules", "override"}[i], data.Static(m))); err != nil {
				t.Fatal(err)
			}
		}
		left := slices.DeleteFunc(layers[0], func(r rule) bool {
			return slices.ContainsFunc(layers[1], func(over rule) bool { return over.flag == r.flag && over.pattern == r.pattern })
		})
		left = append(left, layers[1]...)
		v, err := open(context.Background(), nil, time.Second, registries...)
		if err != nil {
			t.Fatal(err)
		}
		table := v.feed.Table().Get()
		for _, name := range names {
			var got []string
			for _, flag := range flagsOf(table) {
				if d := decide(table, flag, name); d != nil && d.on {
					got = append(got, flag)
				}
			}
			if diff := gocmp.Diff(couch(left, name), got); diff != "" {
				t.Errorf("flags of %q (-want +got):\n%s", name, diff)
			}
		}
		if err := v.close(); err != nil {
			t.Fatal(err)
		}
	})
}
