// Catalogues as text, JSON and Markdown, of texts that look like marks, HTML and lines.

package extension_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// hostile is a catalogue of texts that would break lines, tables, code, links and HTML,
// or show what follows them in another order.
var hostile = extension.Catalogue{
	{
		Name: "pipe|`tick`", Version: "1.0 #", Kind: "active",
		Doc:    "~~~\nfirst | second\r\n# third <script>alert(1)</script> &amp; *bold* [a](b) $x$",
		URL:    "https://example.org/a b?x=1&lt;=2>\\",
		Levels: []string{"engine", "level_7"},
		Requires: []extension.KeyDescription{
			{Name: "left-\u200fright", Doc: "ends with a \\", Type: "shop.Till"},
		},
		Exports: []extension.KeyDescription{
			{Name: "turned-\u202egnp", Doc: "one | two\n| three | four |", Type: `struct { A int "json:\"a|b\"" }`},
			{Name: "ticked", Doc: "`", Type: "shop.List[`go`]"},
		},
		Config: "shop.Config", Site: "/src/shop/pipe.go:7",
		Fields: []extension.FieldDescription{
			{Name: "a|b", Type: "map[string]<-chan int", Doc: "\x1b[31mred\x00 and \xff"},
			{Name: "\u2028c", Type: "int"},
		},
	},
	{Name: "rule", Kind: "passive", Doc: "--- is no rule", URL: "javascript:\nalert(1)", Config: "int", Site: "b.go:1"},
	{Name: "numbered", Kind: "background", Doc: " \t12. is no list", URL: "https://example.org/\u202e\xffü", Config: "int", Site: "c.go:1"},
	{Name: "עברית", Kind: "passive", Doc: "می\u200cخواهم", URL: "https://example.org/he", Config: "int", Site: "d.go:1"},
}

func TestCatalogueText(t *testing.T) {
	want := strings.Join([]string{
		"pipe|`tick` 1.0 #: ~~~ first | second  # third <script>alert(1)</script> &amp; *bold* [a](b) $x$",
		"  active, at engine or level_7, see https://example.org/a b?x=1&lt;=2>\\",
		"  requires left-\ufffdright: ends with a \\",
		"  exports turned-\ufffdgnp: one | two | three | four |",
		"  exports ticked: `",
		"  config a|b map[string]<-chan int: \ufffd[31mred\ufffd and \ufffd",
		"  config  c int",
		"rule: --- is no rule",
		"  passive, anywhere, see javascript: alert(1)",
		"numbered:   12. is no list",
		"  background, anywhere, see https://example.org/\ufffd\ufffdü",
		"עברית: می\u200cخواهم",
		"  passive, anywhere, see https://example.org/he",
		"",
	}, "\n")
	if diff := cmp.Diff(want, hostile.String()); diff != "" {
		t.Errorf("the text is another (-want +got):\n%s", diff)
	}
	if got := extension.NewCatalogue().String(); got != "" {
		t.Errorf("the text of no extensions is %q", got)
	}
}

func TestCatalogueMarkdown(t *testing.T) {
	want := strings.Join([]string{
		"# Extensions",
		"",
		"## pipe\\|\\`tick\\` 1.0 \\#",
		"",
		"\\~\\~\\~ first \\| second  \\# third \\<script\\>alert(1)\\</script\\> \\&amp; \\*bold\\* \\[a\\](b) \\$x\\$",
		"",
		"Kind: active, placed at engine or level\\_7. [More](<https://example.org/a%20b?x=1&amp;lt;=2%3E%5C>).",
		"",
		"| requires | type | what it is |",
		"| --- | --- | --- |",
		"| left-\ufffdright | `shop.Till` | ends with a \\\\ |",
		"",
		"| exports | type | what it is |",
		"| --- | --- | --- |",
		"| turned-\ufffdgnp | struct \\{ A int \"json:\\\\\"a\\|b\\\\\"\" \\} | one \\| two \\| three \\| four \\| |",
		"| ticked | shop.List\\[\\`go\\`\\] | \\` |",
		"",
		"| configuration | type | what it is |",
		"| --- | --- | --- |",
		"| a\\|b | `map[string]<-chan int` | \ufffd\\[31mred\ufffd and \ufffd |",
		"|  c | `int` |  |",
		"",
		"## rule",
		"",
		"\\--- is no rule",
		"",
		"Kind: passive, placed anywhere. [More](<javascript:%0Aalert(1)>).",
		"",
		"## numbered",
		"",
		"12\\. is no list",
		"",
		"Kind: background, placed anywhere. [More](<https://example.org/%E2%80%AE%FFü>).",
		"",
		"## עברית",
		"",
		"می\u200cخواهم",
		"",
		"Kind: passive, placed anywhere. [More](<https://example.org/he>).",
		"",
	}, "\n")
	if diff := cmp.Diff(want, hostile.Markdown()); diff != "" {
		t.Errorf("the page is another (-want +got):\n%s", diff)
	}
	if got, want := extension.NewCatalogue().Markdown(), "# Extensions\n"; got != want {
		t.Errorf("the page of no extensions is %q, want %q", got, want)
	}
}

// A Doc is a paragraph, however it begins.
func TestCatalogueParagraphs(t *testing.T) {
	for doc, want := range map[string]string{
		"- item": "\\- item", "+ item": "\\+ item", "* item": "\\* item", "= under": "\\= under",
		"1. item": "1\\. item", "23) item": "23\\) item", "4 kinds": "4 kinds", "5": "5", "1.2.3": "1\\.2.3",
		"    code": "code", "\tcode": "code", "\n\n# head": "\\# head", "> said": "\\> said", "~~~": "\\~\\~\\~",
		"a - b + 1. c": "a - b + 1. c", "": "",
	} {
		lines := strings.Split(extension.Catalogue{{Name: "shop", Doc: doc}}.Markdown(), "\n")
		if lines[4] != want {
			t.Errorf("the paragraph of %q is %q, want %q", doc, lines[4], want)
		}
	}
}

func TestCatalogueJSON(t *testing.T) {
	got, err := json.MarshalIndent(hostile[:1], "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		`[`,
		`	{`,
		`		"name": "pipe|` + "`tick`" + `",`,
		`		"version": "1.0 #",`,
		`		"kind": "active",`,
		`		"doc": "~~~\nfirst | second\r\n# third \u003cscript\u003ealert(1)\u003c/script\u003e \u0026amp; *bold* [a](b) $x$",`,
		`		"url": "https://example.org/a b?x=1\u0026lt;=2\u003e\\",`,
		`		"levels": [`,
		`			"engine",`,
		`			"level_7"`,
		`		],`,
		`		"requires": [`,
		`			{`,
		"				\"name\": \"left-\u200fright\",",
		`				"doc": "ends with a \\",`,
		`				"type": "shop.Till"`,
		`			}`,
		`		],`,
		`		"exports": [`,
		`			{`,
		"				\"name\": \"turned-\u202egnp\",",
		`				"doc": "one | two\n| three | four |",`,
		`				"type": "struct { A int \"json:\\\"a|b\\\"\" }"`,
		`			},`,
		`			{`,
		`				"name": "ticked",`,
		"				\"doc\": \"`\",",
		"				\"type\": \"shop.List[`go`]\"",
		`			}`,
		`		],`,
		`		"config": "shop.Config",`,
		`		"fields": [`,
		`			{`,
		`				"name": "a|b",`,
		`				"type": "map[string]\u003c-chan int",`,
		`				"doc": "\u001b[31mred\u0000 and \ufffd"`,
		`			},`,
		`			{`,
		`				"name": "\u2028c",`,
		`				"type": "int"`,
		`			}`,
		`		],`,
		`		"site": "/src/shop/pipe.go:7"`,
		`	}`,
		`]`,
	}, "\n")
	// Of a byte that is no UTF-8 one release of Go makes an escape, another the character.
	if diff := cmp.Diff(want, strings.ReplaceAll(string(got), "\ufffd", `\ufffd`)); diff != "" {
		t.Errorf("the JSON is other (-want +got):\n%s", diff)
	}

	var back extension.Catalogue
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	valid := cmp.Transformer("valid", func(s string) string { return strings.ToValidUTF8(s, "\ufffd") })
	if diff := cmp.Diff(hostile[:1], back, valid); diff != "" {
		t.Errorf("what is read is not what was written (-written +read):\n%s", diff)
	}
	if got, _ := json.Marshal(extension.NewCatalogue()); string(got) != "[]" {
		t.Errorf("the JSON of no extensions is %s, want []", got)
	}
}

// Whatever the texts are, a page has the lines that a page of harmless texts has, and each
// row has its cells: what is described neither ends a line nor adds a cell.
func TestCatalogueKeepsItsShape(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("a1 |`\\<>&[]()*_#~$-+=.!\n\r\t\u2028\u202e\x00")), 0, 12, -1))
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string) string { return text.Draw(t, what) }
		key := extension.KeyDescription{Name: draw("key"), Doc: draw("key doc"), Type: draw("key type")}
		c := extension.Catalogue{{
			Name: draw("name"), Version: draw("version"), Kind: "passive", Doc: draw("doc"), URL: draw("url"),
			Requires: []extension.KeyDescription{key}, Exports: []extension.KeyDescription{key},
			Fields: []extension.FieldDescription{{Name: draw("field"), Type: draw("field type"), Doc: draw("field doc")}},
		}}
		for form, page := range map[string]string{"Markdown": c.Markdown(), "text": c.String()} {
			lines := map[string]int{"Markdown": 19, "text": 5}[form]
			if got := strings.Count(page, "\n"); got != lines {
				t.Fatalf("the %s has %d lines, want %d:\n%s", form, got, lines, page)
			}
			for _, r := range page {
				if r != '\n' && r != '\u200c' && r != '\u200d' && !unicode.IsPrint(r) || !utf8.ValidRune(r) {
					t.Fatalf("the %s has %U, which cannot be seen:\n%q", form, r, page)
				}
			}
		}
		for line := range strings.Lines(c.Markdown()) {
			// An escaped sign is no mark.
			bare := regexp.MustCompile(`\\.`).ReplaceAllString(strings.TrimSuffix(line, "\n"), "")
			if !strings.HasPrefix(line, "|") {
				if strings.Contains(bare, "|") && !strings.HasPrefix(bare, "Kind: ") {
					t.Fatalf("a line has a bare bar:\n%s", line)
				}
				continue
			}
			cells := strings.Split(bare, "|")
			if len(cells) != 5 || cells[0] != "" || cells[4] != "" {
				t.Fatalf("a row has the cells %q, want three:\n%s", cells, line)
			}
			for _, cell := range cells[1:4] {
				if n := strings.Count(cell, "`"); n != 0 && n != 2 {
					t.Fatalf("a cell has %d backticks, want none or a pair:\n%s", n, line)
				}
			}
		}
	})
}

// Opening is when a shop is open.
type Opening struct {
	From time.Duration `json:"from,omitempty" doc:"after midnight"`
	To   time.Duration
}

// Till is an embedded struct that has a name in JSON.
type Till struct{ Drawer int }

// Sealed is embedded and no part of the JSON.
type Sealed struct{ Key string }

// Cents is embedded and no struct.
type Cents int

// A Shop is a configuration with fields of all kinds.
type Shop struct {
	Opening
	Till   `json:"till" doc:"where the money is"`
	Sealed `json:"-"`
	*Cents
	Name string `json:",omitempty" doc:"over the | door"`
	//lint:ignore SA5008 a field may be called "-"
	Dash   int    `json:"-,"`
	Secret string `json:"-"`
	hidden int
}

// unopened is a capability that only the next test names.
var unopened = capability.New[map[string]<-chan int]("unopened", "has letters | parcels\nand `bills`")

func TestDescribe(t *testing.T) {
	manifest := extension.Manifest{
		Name: "shop", Version: "2", Doc: "sells", URL: "https://example.org/shop",
		Levels: []capability.Level{capability.Group, 7}, Requires: []extension.Key{unopened},
	}
	fields := []extension.FieldDescription{
		{Name: "from", Type: "time.Duration", Doc: "after midnight"},
		{Name: "To", Type: "time.Duration"},
		{Name: "till", Type: "extension_test.Till", Doc: "where the money is"},
		{Name: "Cents", Type: "*extension_test.Cents"},
		{Name: "Name", Type: "string", Doc: "over the | door"},
		{Name: "-", Type: "int"},
	}
	key := []extension.KeyDescription{{Name: "unopened", Doc: "has letters | parcels\nand `bills`", Type: "map[string]<-chan int", Site: "catalogue_test.go"}}
	want := extension.Description{
		Name: "shop", Version: "2", Doc: "sells", URL: "https://example.org/shop",
		Levels: []string{capability.Group.String(), capability.Level(7).String()}, Requires: key,
	}
	for name, c := range map[string]struct {
		is     extension.Extension
		adjust func(*extension.Description)
	}{
		"active": {
			extension.Active[Shop]{
				Manifest: manifest, Exports: []extension.Key{unopened},
				New: func(Shop, extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
					return nil, nil, nil
				},
			},
			func(d *extension.Description) {
				d.Kind, d.Config, d.Fields, d.Exports, d.Site = "active", "extension_test.Shop", fields, key, "catalogue_test.go"
			},
		},
		"background with a pointer": {
			extension.Background[*Shop]{Manifest: manifest},
			func(d *extension.Description) {
				d.Kind, d.Config, d.Fields = "background", "*extension_test.Shop", fields
			},
		},
		"passive without fields": {
			extension.Passive[time.Duration]{Manifest: manifest, Exports: []extension.Key{unopened}},
			func(d *extension.Description) { d.Kind, d.Config, d.Exports = "passive", "time.Duration", key },
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := want
			c.adjust(&want)
			got := c.is.Describe()
			got.Site, _, _ = strings.Cut(filepath.Base(got.Site), ":")
			if got.Site == "." {
				got.Site = ""
			}
			for _, keys := range [][]extension.KeyDescription{got.Requires, got.Exports} {
				for i := range keys {
					keys[i].Site, _, _ = strings.Cut(filepath.Base(keys[i].Site), ":")
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the description is another (-want +got):\n%s", diff)
			}
		})
	}
	if fields, err := json.Marshal(Shop{hidden: 1, Cents: new(Cents), Name: "corner", Opening: Opening{From: 1}}); err != nil {
		t.Error(err)
	} else if want := `{"from":1,"To":0,"till":{"Drawer":0},"Cents":0,"Name":"corner","-":0}`; string(fields) != want {
		t.Errorf("encoding/json has the fields %s, want those of the description: %s", fields, want)
	}
}

// A catalogue is sorted by name, and those of one name stay as they are given.
func TestCatalogueIsSorted(t *testing.T) {
	named := func(name, doc string) extension.Extension {
		return extension.Passive[int]{Manifest: extension.Manifest{Name: name, Doc: doc}}
	}
	c := extension.NewCatalogue(named("tills", "1"), named("carts", "2"), named("tills", "3"), named("carts", "4"), named("doors", "5"))
	var got []string
	for _, d := range c {
		got = append(got, d.Name+" "+d.Doc)
	}
	if diff := cmp.Diff([]string{"carts 2", "carts 4", "doors 5", "tills 1", "tills 3"}, got); diff != "" {
		t.Errorf("the order is another (-want +got):\n%s", diff)
	}
}
