package extension_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// A reference holds what is given, what scopes know and what extensions export and
// require: each capability once, whoever mentions it.
func TestReference(t *testing.T) {
	mails := capability.New[string]("mails", "tell|people\n# what <happens>", capability.Shadow(), capability.OnlyAt(capability.Engine))
	namesake := capability.New[int]("mails", "are others of that name")
	engine := newEngine()
	must(engine.Apply(mails.Bind("smtp", "x")))
	scope, err := capability.Compose(engine)
	must(err)
	defer scope.Close()
	printer := extension.Passive[struct{}]{Manifest: about("printer", Badges, Badges), Exports: []extension.Key{Printers}}
	clerk := extension.Background[struct{}]{Manifest: about("clerk", Printers, Desks)}
	r := extension.NewReference([]extension.Key{Badges, mails, namesake, nil, capability.Capability[int]{}}, []extension.Extension{printer, clerk}, scope, scope)

	type line struct{ name, rules, exported, required string }
	var got []line
	for _, c := range r.Capabilities {
		got = append(got, line{c.Name, c.Rules, strings.Join(c.ExportedBy, " "), strings.Join(c.RequiredBy, " ")})
	}
	want := []line{
		{"badges", "OnlyLeased", "", "printer"},
		{"desks", "OnlyAt engine", "", "clerk"},
		{"mails", "Shadow, OnlyAt engine", "", ""},
		{"mails", "", "", ""},
		{"printers", "", "printer", "clerk"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(line{})); diff != "" {
		t.Errorf("capabilities of the reference (-want +got):\n%s", diff)
	}

	text, err := json.Marshal(r)
	must(err)
	var back extension.Reference
	must(json.Unmarshal(text, &back))
	if diff := cmp.Diff(r, back); diff != "" {
		t.Errorf("the reference is another one after JSON (-before +after):\n%s", diff)
	}

	empty, err := json.Marshal(extension.NewReference(nil, nil))
	must(err)
	if string(empty) != `{"capabilities":[],"extensions":[]}` {
		t.Errorf("an empty reference is %s", empty)
	}
}

// declared declares keys at one place.
func declared[T any](doc string) capability.Capability[T] { return capability.New[T]("codec", doc) }

func TestReferenceOfKeysOfOnePlace(t *testing.T) {
	r := extension.NewReference([]extension.Key{declared[int]("numbers"), declared[string]("texts"), declared[int]("digits")}, []extension.Extension{nil})
	var docs []string
	for _, c := range r.Capabilities {
		docs = append(docs, c.Type+" "+c.Doc)
	}
	if diff := cmp.Diff([]string{"int digits", "int numbers", "string texts"}, docs); diff != "" {
		t.Errorf("capabilities of the reference (-want +got):\n%s", diff)
	}
}

func TestReferenceMarkdown(t *testing.T) {
	r := extension.Reference{
		Capabilities: []extension.CapabilityDescription{
			{Name: "mails", Doc: "- tell|people\n# what <happens>", Type: "func(`|`)", Rules: "Shadow, OnlyAt level 7", Site: "/src/mails.go:1"},
			{Name: "pages_1", Doc: "are printed", Type: "shop.Page", ExportedBy: []string{"a|b", "c"}, RequiredBy: []string{"*"}},
		},
		Extensions: hostile[1:2],
	}
	want := strings.Join([]string{
		"# Reference",
		"",
		"## Capabilities",
		"",
		"### mails",
		"",
		"\\- tell\\|people \\# what \\<happens\\>",
		"",
		"| | |",
		"| --- | --- |",
		"| type | func(\\`\\|\\`) |",
		"| rules | Shadow, OnlyAt level 7 |",
		"",
		"### pages\\_1",
		"",
		"are printed",
		"",
		"| | |",
		"| --- | --- |",
		"| type | `shop.Page` |",
		"| exported by | a\\|b, c |",
		"| required by | \\* |",
		"",
		"## Extensions",
		"",
		"### rule",
		"",
		"\\--- is no rule",
		"",
		"Kind: passive, placed anywhere. [More](<javascript:%0Aalert(1)>).",
		"",
	}, "\n")
	if diff := cmp.Diff(want, r.Markdown()); diff != "" {
		t.Errorf("the page is another (-want +got):\n%s", diff)
	}
}
