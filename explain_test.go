// Snapshots in words, as pictures, as JSON and against each other, and what it
// costs to take one.

package capability_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/internal/inside"
)

// A desk is what the capabilities of the rich scope provide: it only has a name.
type desk struct{ name string }

// The capabilities of the rich scope, one for each thing that a snapshot can say.
var (
	richAuth    = capability.New[desk]("auth", "decides who is calling")
	richCache   = capability.New[desk]("cache", "keeps answers.")
	richFilter  = capability.New[desk]("filter", "changes requests", capability.BroadFirst())
	richLimit   = capability.New[desk]("limit", "says how many calls a client may make")
	richRoute   = capability.New[desk]("route", "finds the machine for a path")
	richSession = capability.New[desk]("session", "remembers who was here", capability.OnlyAt(capability.Engine, capability.Node))
	richSigner  = capability.New[desk]("signer", "signs answers", capability.OnlyLeased())
	richStore   = capability.New[desk]("store", "keeps orders", capability.Shadow(), capability.BroadFirst())
	richTrace   = capability.New[desk]("trace", "records calls")
)

// richDerived is derived from three capabilities, one of them read twice.
var richDerived = capability.Derive(func(r *capability.Resolver) (string, error) {
	auth, err := richAuth.Named("jwt").In(r)
	route, err2 := richRoute.Named("c").In(r)
	filters, err3 := richFilter.All().In(r)
	_, err4 := richFilter.Named("upper").In(r)
	return fmt.Sprint(auth.name, route.name, filters.Len()), errors.Join(err, err2, err3, err4)
})

// richSnapshots returns two snapshots of a scope of three levels, the later of which
// has everything that a snapshot can say. It is made in a bubble of synctest, where
// time stands still.
func richSnapshots(t *testing.T) (before, after *capability.Snapshot) {
	synctest.Test(t, func(t *testing.T) {
		at := func(name string) desk { return desk{name} }
		fine := func() error { return nil }
		unblocked := make(chan struct{})
		engine := capability.NewRegistry(capability.Engine, "engine")
		eu := capability.NewRegistry(250, "eu")
		orders := capability.NewRegistry(capability.Pipeline, "orders")
		must(engine.Apply(
			richAuth.Bind("jwt", at("jwt")).Priority(2).Meta(capability.Meta{Version: "1.4.0", Doc: "reads tokens", URL: "https://example.org/jwt"}),
			richAuth.Bind("cookie", at("cookie")).After("oauth", "jwt"), richAuth.Bind("basic", at("basic")),
			richAuth.Bind("saml", at("saml")), richAuth.Bind("ldap", at("ldap")), richAuth.Bind("ticket", at("ticket")),
			richAuth.Bind("guest", at("guest")).Before("jwt"),
			richCache.Bind("ram", at("ram")).OnRetire(fine).Priority(1), richCache.Bind("tape", at("tape")).OnRetire(func() error { <-unblocked; return nil }),
			richFilter.Bind("trim", at("trim")),
			richLimit.Bind("burst", at("burst")), richLimit.Bind("daily", at("daily")), richLimit.Bind("hourly", at("hourly")).Priority(-1),
			richRoute.Bind("a", at("a")), richRoute.Bind("b", at("b")), richRoute.Bind("c", at("c")).After("a"),
			richSession.BindPerScope("pool", func(r *capability.Resolver) (desk, error) { r.OnRetire(fine); return desk{"pool"}, nil }),
			richSigner.Bind("hsm", at("hsm")).OnRetire(fine),
			richStore.Bind("disk", at("disk")), richStore.Bind("floppy", at("floppy")),
		))
		must(eu.Apply(
			richAuth.Mask("basic"), richAuth.Bind("saml", at("saml")).Before("jwt", "kerberos"),
			richFilter.Bind("pii", at("pii")),
			richRoute.Select("c", "a"),
		))
		must(orders.Apply(richStore.Bind("s3", at("s3")), richFilter.Bind("upper", at("upper"))))
		scope := must1(capability.Compose(engine, eu, orders))
		must(orders.Apply(
			richAuth.Rebind("jwt", at("jwt")).Meta(capability.Meta{Version: "2.0.0"}), richAuth.Rebind("ldap", at("ldap")),
			richAuth.Mask("ticket"), richFilter.Mask("trim"), richRoute.Select("a", "c", "b"),
		))
		must1(richAuth.Named("jwt").Handle(scope))
		must1(richAuth.All().Handle(scope))
		must1(richCache.Handle(scope))
		must(engine.Apply(richAuth.Unbind("ldap"), richAuth.Unbind("ticket")))
		must1(richFilter.Handle(scope))
		must1(richTrace.All().Handle(scope))
		must1(richSession.Handle(scope))
		var burst capability.Handle[desk]
		var leased capability.Leased[desk]
		must(scope.Resolve(richLimit.Named("burst").Into(&burst), richLimit.Named("burst").IntoLeased(&leased)))
		signer := must1(richSigner.Leased(scope))
		must1(richDerived.Handle(scope))
		must1(richDerived.Leased(scope))
		must1(capability.Derive(richAuth.Named("jwt").In).Handle(scope))
		before = scope.Snapshot()
		must(signer.Use(func(desk) error {
			must(engine.Apply(
				richCache.Rebind("ram", at("flash")), richCache.Unbind("tape"), richSigner.Rebind("hsm", at("hsm")),
				richSession.BindPerScope("file", func(*capability.Resolver) (desk, error) { return desk{"file"}, nil }).Priority(1),
				richSession.Unbind("pool"), richFilter.Unbind("trim"),
			))
			synctest.Wait()
			after = scope.Snapshot()
			return nil
		}))
		close(unblocked)
		must(scope.Close())
		for _, r := range []*capability.Registry{orders, eu, engine} {
			must(r.Close(t.Context()))
		}
	})
	return before, after
}

// placeInText is a place in the program text.
var placeInText = regexp.MustCompile(`[^\s"(]*?([\w.-]+\.go):\d+`)

// compareGolden compares a text, with its places as file names, with the file in
// testdata/explain, or writes it there.
func compareGolden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", "explain", name)
	text = placeInText.ReplaceAllString(text, "$1:N")
	if *updateGolden {
		must(os.MkdirAll(filepath.Dir(file), 0o755))
		must(os.WriteFile(file, []byte(text), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// ofAll returns what say says of each capability.
func ofAll(s *capability.Snapshot, say func(name string) string) string {
	var b strings.Builder
	for _, c := range s.Capabilities {
		b.WriteString(say(c.Name) + "\n")
	}
	return b.String()
}

// TestRichSnapshotTexts compares all texts of a scope that has everything with
// their golden files.
func TestRichSnapshotTexts(t *testing.T) {
	before, after := richSnapshots(t)
	compareGolden(t, "string.txt", after.String())
	compareGolden(t, "explain.txt", ofAll(after, after.Explain)+after.Explain("rout")+after.Explain("nothing-like-it")+new(capability.Snapshot).Explain("auth"))
	compareGolden(t, "mermaid.txt", ofAll(after, after.Mermaid))
	compareGolden(t, "dot.txt", ofAll(after, after.DOT))
	compareGolden(t, "json.txt", indented(t, after)+"\n")
	var diff strings.Builder
	for _, d := range before.Diff(after) {
		fmt.Fprintln(&diff, d)
	}
	compareGolden(t, "diff.txt", diff.String())
	if got := after.Mermaid("nobody") + after.DOT("nobody"); got != "" {
		t.Errorf("the picture of a capability that is not known: %q", got)
	}
}

// TestSnapshotTextsAreTheSameEachTime takes snapshots of a scope in which many
// things are the same but for the time, and compares them.
func TestSnapshotTextsAreTheSameEachTime(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	scope := must1(capability.Compose(engine))
	must(engine.Apply(richCache.Bind("ram", desk{}).OnRetire(func() error { return nil })))
	must1(richCache.Handle(scope))
	for range 20 {
		must(engine.Apply(richCache.Rebind("ram", desk{}).OnRetire(func() error { return nil })))
	}
	first := scope.Snapshot()
	if got := len(first.Pending); got != 20 {
		t.Fatalf("%d retirements are pending, want 20", got)
	}
	for range 5 {
		if diff := cmp.Diff(first, scope.Snapshot()); diff != "" {
			t.Fatalf("the next snapshot (-want +got):\n%s", diff)
		}
	}
	must(scope.Close())
	must(engine.Close(t.Context()))
}

// TestResolvedIsInTheOrderOfLines resolves on lines whose numbers have one to four
// digits.
func TestResolvedIsInTheOrderOfLines(t *testing.T) {
	scope := newDeskScope(t).scope
	for _, resolve := range onLines {
		resolve(scope)
	}
	var got []string
	for _, r := range scope.Snapshot().Capabilities[0].Resolved {
		if _, line, ok := strings.Cut(r.Site, "lines.go:"); ok {
			got = append(got, line)
		}
	}
	if diff := cmp.Diff([]string{"9", "10", "99", "100", "1000"}, got); diff != "" {
		t.Errorf("resolved at lines (-want +got):\n%s", diff)
	}
}

// indented returns the snapshot as JSON of several lines.
func indented(t *testing.T, s *capability.Snapshot) string {
	t.Helper()
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSnapshotNamesTheLines looks whether a snapshot names the very line of what
// bound a provider and of what keeps it from being seen.
func TestSnapshotNamesTheLines(t *testing.T) {
	lines := make(map[string]string)
	line := func(name string, c capability.Change) capability.Change {
		_, file, n, _ := runtime.Caller(1)
		lines[name] = fmt.Sprintf("%s:%d", file, n)
		return c
	}
	engine, orders := capability.NewRegistry(capability.Engine, "engine"), capability.NewRegistry(capability.Pipeline, "orders")
	must(engine.Apply(
		line("hidden", richAuth.Bind("jwt", desk{})),
		line("masked", richAuth.Bind("cookie", desk{})),
		line("replaced", richAuth.Bind("saml", desk{})),
		line("left", richRoute.Bind("a", desk{})),
		line("kept", richRoute.Bind("b", desk{})),
		line("shadowed", richStore.Bind("disk", desk{})),
		line("gone", richFilter.Bind("trim", desk{})),
	))
	scope := must1(capability.Compose(engine, orders))
	must(orders.Apply(
		line("hides", richAuth.Bind("jwt", desk{})),
		line("masks", richAuth.Mask("cookie")),
		line("replaces", richAuth.Rebind("saml", desk{})),
		line("selects", richRoute.Select("b")),
		line("rebinds", richStore.Rebind("disk", desk{})),
		line("withdrawn", richStore.Bind("tape", desk{})),
		line("shadows", richStore.Bind("s3", desk{})),
		line("shadows as well", richStore.Bind("s4", desk{})),
		line("unmatched", richFilter.Rebind("trim", desk{})),
		line("unmatched of the list", richFilter.Select("trim")),
	))
	must(orders.Apply(richStore.Unbind("tape")))
	must(engine.Apply(richFilter.Unbind("trim")))
	var got []string
	for _, c := range scope.Snapshot().Capabilities {
		for _, p := range slices.Concat(c.Providers, c.Unseen) {
			got = append(got, fmt.Sprintf("%s %q %s %s", p.Name, p.Fate, p.Site, p.BySite))
		}
	}
	var want []string
	for _, w := range []struct{ name, fate, site, by string }{
		{"jwt", "", "hides", ""}, {"saml", "", "replaces", ""}, {"cookie", "masked", "masked", "masks"}, {"jwt", "hidden", "hidden", "hides"}, {"saml", "replaced", "replaced", "replaces"},
		{"trim", "unmatched", "unmatched", "unmatched"}, {"trim", "unmatched", "unmatched of the list", "unmatched of the list"},
		{"b", "", "kept", ""}, {"a", "not selected", "left", "selects"},
		{"s3", "", "shadows", ""}, {"s4", "", "shadows as well", ""}, {"disk", "shadowed", "shadowed", "shadows"}, {"disk", "unmatched", "rebinds", "rebinds"},
	} {
		want = append(want, fmt.Sprintf("%s %q %s %s", w.name, w.fate, lines[w.site], lines[w.by]))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("providers with their lines (-want +got):\n%s", diff)
	}
}

// hostileNames are names that a registry accepts and a picture has to tame.
var hostileNames = []string{
	`quo"te`, `"]`, `";style`, `a\`, `\"`, `\n`, `<script>`, `</div>`, `&lt;b&gt;`, `&quot;`, "`tick`", `#quot;`, `#`, `#35;`,
	`--&gt;`, `-->`, `end`, `%%{init:{'theme':'dark'}}%%`, `]`, `|x|`, `{{x}}`, `;`, `'`, `**x**`, `שלום`, `مرحبا`, `[-]`, `1.`, "e\u0301",
}

// hostileScope returns a snapshot in which all names are hostile.
func hostileSnapshot(names []string) *capability.Snapshot {
	key := capability.New[desk](names[0], "has a name that no tool likes")
	engine, orders := capability.NewRegistry(capability.Engine, names[0]), capability.NewRegistry(capability.Pipeline, names[len(names)-1])
	for _, name := range names {
		must(engine.Apply(key.Bind(name, desk{})))
	}
	must(orders.Apply(key.Mask(names[len(names)/2:]...)))
	scope := must1(capability.Compose(engine, orders))
	defer scope.Close()
	return scope.Snapshot()
}

// The lines that a picture may consist of. A label holds nothing that could end
// it: no quote but after an odd number of backslashes, for Graphviz, and none at
// all for Mermaid, which knows no such thing; nor what Mermaid takes for HTML, for
// Markdown or for a directive, which it looks for in labels as well.
var (
	mermaidLabel = "\"((?:[^\"<>`#&%\\\\*]|#(?:35|quot|lt|gt|amp|37|92|42|96);)*)\""
	mermaidLine  = regexp.MustCompile(`^(?:flowchart LR|  subgraph r\d+ \[` + mermaidLabel + `\]|    p\d+\[` + mermaidLabel + `\]|    style p\d+ stroke-dasharray: 4|  end|  p\d+ --> p\d+)$`)
	dotLabel     = `"((?:[^"\\&]|\\"|\\\\|&amp;)*)"`
	dotLine      = regexp.MustCompile(`^(?:digraph ` + dotLabel + ` \{|  rankdir=LR|  node \[shape=box\]|  subgraph cluster_r\d+ \{|    label=` + dotLabel + `|    p\d+ \[label=` + dotLabel + `(?:, style=dashed)?\]|  p\d+ -> p\d+|  ?}|})$`)
	mermaidPlain = strings.NewReplacer("#35;", "#", "#quot;", `"`, "#lt;", "<", "#gt;", ">", "#amp;", "&", "#37;", "%", "#92;", `\`, "#42;", "*", "#96;", "`")
	dotPlain     = strings.NewReplacer(`\\`, `\`, `\"`, `"`, "&amp;", "&")
)

// labels returns the labels of a picture as a reader sees them, or fails if a
// line is none of those that a picture consists of.
func labels(t interface {
	Helper()
	Fatalf(string, ...any)
}, picture string, line *regexp.Regexp, plain *strings.Replacer) []string {
	t.Helper()
	var all []string
	for _, text := range strings.Split(strings.TrimSuffix(picture, "\n"), "\n") {
		found := line.FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("the line %q breaks out of its label in:\n%s", text, picture)
		}
		for _, label := range found[1:] {
			if label != "" {
				all = append(all, plain.Replace(label))
			}
		}
	}
	return all
}

// wantLabels returns what the pictures of a snapshot should say, in order.
func wantLabels(s *capability.Snapshot) []string {
	var all []string
	c := s.Capabilities[0]
	for _, r := range s.Registries {
		all = append(all, fmt.Sprintf("%s (%v)", r.Name, r.Level))
		for i, p := range c.Providers {
			if p.Registry == r.Name {
				one := ""
				if p.Name == c.One {
					one = " (the one)"
				}
				all = append(all, fmt.Sprintf("%d: %s%s", i+1, p.Name, one))
			}
		}
		for _, p := range c.Unseen {
			if p.Registry == r.Name {
				all = append(all, fmt.Sprintf("%s: %s by %s", p.Name, p.Fate, p.By))
			}
		}
	}
	return all
}

// TestHostileNamesStayInTheirLabels draws providers with names that mean
// something to the tools which read the pictures.
func TestHostileNamesStayInTheirLabels(t *testing.T) {
	s := hostileSnapshot(hostileNames)
	name := s.Capabilities[0].Name
	compareGolden(t, "hostile-mermaid.txt", s.Mermaid(name))
	compareGolden(t, "hostile-dot.txt", s.DOT(name))
	want := wantLabels(s)
	if diff := cmp.Diff(want, labels(t, s.Mermaid(name), mermaidLine, mermaidPlain)); diff != "" {
		t.Errorf("labels of the Mermaid picture (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(append([]string{name}, want...), labels(t, s.DOT(name), dotLine, dotPlain)); diff != "" {
		t.Errorf("labels of the DOT picture (-want +got):\n%s", diff)
	}
}

// TestAnyNameStaysInItsLabel draws random names made of what is dangerous.
func TestAnyNameStaysInItsLabel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOfN(rapid.SampledFrom([]rune("\"\\#;&<>`'*%{}-]a1אل")), 1, 12, -1)
		names := rapid.SliceOfNDistinct(name, 2, 5, rapid.ID[string]).Draw(t, "names")
		s := hostileSnapshot(names)
		want := wantLabels(s)
		if diff := cmp.Diff(want, labels(t, s.Mermaid(names[0]), mermaidLine, mermaidPlain)); diff != "" {
			t.Fatalf("labels of the Mermaid picture (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(append([]string{names[0]}, want...), labels(t, s.DOT(names[0]), dotLine, dotPlain)); diff != "" {
			t.Fatalf("labels of the DOT picture (-want +got):\n%s", diff)
		}
	})
}

// TestPictureOfRegistriesOfOneName draws an extension's own registry that has the
// name and level of the one that it is over: nobody is drawn twice.
func TestPictureOfRegistriesOfOneName(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "gateway")
	own := inside.Private(int(capability.Engine), "gateway").(*capability.Registry)
	must(engine.Apply(richAuth.Bind("jwt", desk{}), richAuth.Bind("basic", desk{}).Priority(-1)))
	scope := must1(capability.Compose(engine, own))
	must(own.Apply(richAuth.Rebind("jwt", desk{}), richAuth.Mask("basic")))
	picture := scope.Snapshot().Mermaid("auth")
	for _, box := range []string{"p0[", "p1[", "p2["} {
		if got := strings.Count(picture, box); got != 1 {
			t.Errorf("box %s is drawn %d times, want once, in:\n%s", box, got, picture)
		}
	}
}

// TestSnapshotAsJSON writes snapshots as JSON and reads them again.
func TestSnapshotAsJSON(t *testing.T) {
	before, after := richSnapshots(t)
	empty := must1(capability.Compose(capability.NewRegistry(capability.Engine, "engine")))
	must(empty.Close())
	for name, s := range map[string]*capability.Snapshot{
		"before": before, "after": after, "closed scope": empty.Snapshot(), "nil scope": (*capability.Scope)(nil).Snapshot(), "zero": {},
	} {
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again := new(capability.Snapshot)
		if err := json.Unmarshal(data, again); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Errorf("%s: the snapshot that was read (-written +read):\n%s", name, diff)
		}
		if d := s.Diff(again); len(d) > 0 {
			t.Errorf("%s: between what was written and what was read is %v", name, d)
		}
		if strings.Contains(string(data), "null") {
			t.Errorf("%s: an empty list is not absent: %s", name, data)
		}
	}
}

// jsonNames returns the names of the members that a type has as JSON, each after
// the name of its type, and checks them against the names of its fields.
func jsonNames(t *testing.T, typ reflect.Type, seen map[reflect.Type]bool) []string {
	for typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() || seen[typ] {
		return nil
	}
	seen[typ] = true
	var names []string
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if want := strings.ToLower(f.Name[:1]) + f.Name[1:]; name != want && !(f.Name == "URL" && name == "url") {
			t.Errorf("field %s of %v is %q in JSON, want %q", f.Name, typ, name, want)
		}
		names = append(names, typ.Name()+"."+name)
		names = append(names, jsonNames(t, f.Type, seen)...)
	}
	return names
}

// TestNamesInJSON compares the names of all members with a golden file, and finds
// each of them in the JSON of a scope that has everything.
func TestNamesInJSON(t *testing.T) {
	seen := make(map[reflect.Type]bool)
	names := append(jsonNames(t, reflect.TypeFor[capability.Snapshot](), seen), jsonNames(t, reflect.TypeFor[capability.Difference](), seen)...)
	slices.Sort(names)
	compareGolden(t, "members.txt", strings.Join(names, "\n")+"\n")
	before, after := richSnapshots(t)
	text := indented(t, after)
	for _, d := range before.Diff(after) {
		data, err := json.Marshal(d)
		must(err)
		text += string(data)
	}
	for _, name := range names {
		_, member, _ := strings.Cut(name, ".")
		if !strings.Contains(text, `"`+member+`":`) {
			t.Errorf("the snapshot that has everything has no member %q", member)
		}
	}
}

// differences returns the differences as lines without places.
func differences(list []capability.Difference) []string {
	lines := []string{}
	for _, d := range list {
		lines = append(lines, placeInText.ReplaceAllString(d.String(), "F"))
	}
	return lines
}

// A deskScope is a scope of two registries for the tests of Diff.
type deskScope struct {
	engine, orders, elsewhere *capability.Registry
	scope                     *capability.Scope
}

func newDeskScope(t *testing.T) *deskScope {
	s := &deskScope{engine: capability.NewRegistry(capability.Engine, "engine"), orders: capability.NewRegistry(capability.Pipeline, "orders"), elsewhere: capability.NewRegistry(capability.Pipeline, "elsewhere")}
	must(s.engine.Apply(richAuth.Bind("jwt", desk{}).Priority(2), richAuth.Bind("cookie", desk{}).Priority(1), richAuth.Bind("basic", desk{})))
	must1(capability.Compose(s.engine, s.elsewhere))
	s.scope = must1(capability.Compose(s.engine, s.orders))
	must1(richAuth.All().Handle(s.scope))
	return s
}

// TestDiff changes a scope and compares what Diff says of that.
func TestDiff(t *testing.T) {
	fine := func() error { return nil }
	for _, test := range []struct {
		name string
		do   func(*deskScope)
		want []string
	}{
		{"nothing", func(*deskScope) {}, nil},
		{"a commit elsewhere", func(s *deskScope) {
			must(s.elsewhere.Apply(richAuth.Bind("saml", desk{}), richAuth.Mask("jwt"), richTrace.Bind("log", desk{})))
		}, nil},
		{"a scope elsewhere", func(s *deskScope) { must1(richAuth.Handle(must1(capability.Compose(s.engine, s.elsewhere)))) }, nil},
		{"resolving what was bound", func(s *deskScope) { must1(richAuth.Named("basic").Leased(s.scope)) }, nil},
		{"resolving what nobody binds", func(s *deskScope) { must1(richTrace.All().Handle(s.scope)) }, []string{`trace capability: nothing → F`}},
		{"a capability comes", func(s *deskScope) { must(s.orders.Apply(richTrace.Bind("log", desk{}))) }, []string{
			`trace capability: nothing → F`, `trace one: nothing → log`, `trace "log" seen: nothing → orders at F`,
		}},
		{"a provider comes", func(s *deskScope) { must(s.engine.Apply(richAuth.Bind("saml", desk{}))) }, []string{`auth "saml" seen: nothing → engine at F`}},
		{"a narrower provider comes", func(s *deskScope) { must(s.orders.Apply(richAuth.Bind("saml", desk{}))) }, []string{
			`auth one: jwt → saml`, `auth "saml" seen: nothing → orders at F`,
		}},
		{"a provider goes", func(s *deskScope) { must(s.engine.Apply(richAuth.Unbind("basic"))) }, []string{`auth "basic" seen: engine at F → nothing`}},
		{"the one becomes ambiguous", func(s *deskScope) { must(s.engine.Apply(richAuth.Bind("saml", desk{}).Priority(2))) }, []string{
			`auth one: jwt → nothing`, `auth "saml" seen: nothing → engine at F`,
		}},
		{"masked", func(s *deskScope) { must(s.orders.Apply(richAuth.Mask("jwt"))) }, []string{
			`auth one: jwt → cookie`, `auth "jwt" seen: engine at F → engine at F, masked by orders`,
		}},
		{"rebound", func(s *deskScope) { must(s.orders.Apply(richAuth.Rebind("cookie", desk{}))) }, []string{`auth "cookie" seen: engine at F → orders at F`}},
		{"rebound in its own registry", func(s *deskScope) { must(s.engine.Apply(richAuth.Rebind("cookie", desk{}))) }, []string{`auth "cookie" seen: engine at F → engine at F`}},
		{"selected in another order", func(s *deskScope) { must(s.orders.Apply(richAuth.Select("basic", "cookie", "jwt"))) }, []string{
			`auth one: jwt → basic`, `auth order: jwt cookie basic → basic cookie jwt`,
		}},
		{"another order among those who stay", func(s *deskScope) { must(s.orders.Apply(richAuth.Select("basic", "jwt"))) }, []string{
			`auth one: jwt → basic`, `auth "cookie" seen: engine at F → engine at F, not selected by orders`, `auth order: jwt basic → basic jwt`,
		}},
		{"pending", func(s *deskScope) {
			must(s.engine.Apply(richAuth.Bind("saml", desk{}).OnRetire(fine)))
			must(s.engine.Apply(richAuth.Unbind("saml")))
		}, []string{`auth "saml" pending: nothing → F`}},
		{"pending of what Derive made", func(s *deskScope) {
			d := capability.Derive(func(r *capability.Resolver) (int, error) {
				r.OnRetire(fine)
				v, err := richAuth.Named("jwt").In(r)
				return len(v.name), err
			})
			must1(d.Handle(s.scope))
			must(s.engine.Apply(richAuth.Rebind("jwt", desk{"x"})))
		}, []string{`auth "jwt" seen: engine at F → engine at F`, `pending: nothing → F`}},
		{"pending twice of one place", func(s *deskScope) {
			for range 2 {
				must(s.engine.Apply(richAuth.Bind("saml", desk{}).OnRetire(fine)))
				must(s.engine.Apply(richAuth.Unbind("saml")))
			}
		}, []string{`auth "saml" pending: nothing → F`, `auth "saml" pending: nothing → F`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newDeskScope(t)
			before := s.scope.Snapshot()
			test.do(s)
			after := s.scope.Snapshot()
			if test.want == nil {
				test.want = []string{}
			}
			if diff := cmp.Diff(test.want, differences(before.Diff(after))); diff != "" {
				t.Errorf("what is otherwise (-want +got):\n%s", diff)
			}
			for _, snap := range []*capability.Snapshot{before, after} {
				if got := snap.Diff(snap); len(got) > 0 {
					t.Errorf("a snapshot differs from itself: %v", got)
				}
			}
		})
	}
}

// perhaps draws some of the items, or nil.
func perhaps(t *rapid.T, label string, items ...string) []string {
	if rapid.Bool().Draw(t, label+" anybody") {
		return some(t, label, items, 1, len(items))
	}
	return nil
}

// drawSnapshot draws a snapshot of few names, so that two have much in common.
func drawSnapshot(t *rapid.T) *capability.Snapshot {
	pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
	s := &capability.Snapshot{Scope: "orders over engine", Registries: []capability.RegistryState{{Name: "orders", Level: 300}, {Name: "engine", Level: 100}}}
	provider := func(name string) capability.ProviderState {
		return capability.ProviderState{Name: name, Registry: pick("registry", "orders", "engine"), Site: pick("site", "a.go:1", "a.go:2"), Before: perhaps(t, "before", "x")}
	}
	for _, name := range []string{"auth", "store"} {
		if rapid.Bool().Draw(t, "known") {
			c := capability.CapabilityState{Name: name, Doc: "does it", Site: pick("declared", "k.go:1", "k.go:2")}
			c.One = pick("one", "", "jwt", "saml")
			for _, p := range some(t, "providers", []string{"jwt", "saml", "mtls"}, 0, 3) {
				c.Providers = append(c.Providers, provider(p))
			}
			for range rapid.IntRange(0, 2).Draw(t, "unseen") {
				p := provider(pick("name", "jwt", "saml"))
				p.Fate, p.By, p.BySite = pick("fate", "hidden", "masked"), pick("by", "orders", "engine"), "b.go:1"
				c.Unseen = append(c.Unseen, p)
			}
			s.Capabilities = append(s.Capabilities, c)
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "pending") {
		s.Pending = append(s.Pending, capability.PendingState{
			Capability: "auth", Provider: pick("provider", "jwt", "saml"), Scope: pick("scope", "", "orders"), Site: pick("site", "a.go:1", "a.go:2"),
			Since: time.Unix(rapid.Int64Range(1, 2).Draw(t, "since"), 0), HeldBy: perhaps(t, "held by", "a lease", "a handle"),
		})
	}
	return s
}

// essence returns what Diff compares, as plain data: for each capability where it
// is declared, its one, its chain, and how those who are not seen stand; and what
// is pending.
func essence(s *capability.Snapshot) any {
	all := make(map[string]any)
	for _, c := range s.Capabilities {
		standings := make(map[string]string)
		var chain []string
		for _, p := range c.Providers {
			chain = append(chain, p.Name)
			standings[p.Name] = "seen " + p.Registry + p.Site
		}
		for _, p := range c.Unseen {
			if _, ok := standings[p.Name]; !ok {
				standings[p.Name] = p.Fate + p.By + p.Registry + p.Site
			}
		}
		all[c.Name] = []any{c.Site, c.One, chain, standings}
	}
	var waiting []string
	for _, p := range s.Pending {
		waiting = append(waiting, fmt.Sprint(p.Capability, p.Provider, p.Scope, p.Site, p.Since.UnixNano()))
	}
	slices.Sort(waiting)
	return []any{all, waiting}
}

// copied returns a copy of a snapshot, made by way of JSON.
func copied(t *rapid.T, s *capability.Snapshot) *capability.Snapshot {
	data, err := json.Marshal(s)
	must(err)
	again := new(capability.Snapshot)
	must(json.Unmarshal(data, again))
	if diff := cmp.Diff(s, again); diff != "" {
		t.Fatalf("a snapshot after a way through JSON (-written +read):\n%s", diff)
	}
	return again
}

// twists are small changes of a snapshot. Some of them make no difference, some do
// so if there is what they change.
var twists = map[string]func(*capability.Snapshot){
	"nothing":        func(*capability.Snapshot) {},
	"a commit":       func(s *capability.Snapshot) { s.Generation++; s.Registries[0].Commits++ },
	"pending order":  func(s *capability.Snapshot) { slices.Reverse(s.Pending) },
	"pending twice":  func(s *capability.Snapshot) { s.Pending = slices.Concat(s.Pending, s.Pending) },
	"pending fewer":  func(s *capability.Snapshot) { s.Pending = s.Pending[len(s.Pending)/2:] },
	"pending scope":  eachPending(func(p *capability.PendingState) { p.Scope += "x" }),
	"pending since":  eachPending(func(p *capability.PendingState) { p.Since = p.Since.Add(1) }),
	"pending phase":  eachPending(func(p *capability.PendingState) { p.Running, p.HeldBy = true, nil }),
	"declaration":    eachCapability(func(c *capability.CapabilityState) { c.Site += "0" }),
	"the one":        eachCapability(func(c *capability.CapabilityState) { c.One = "mtls" }),
	"chain order":    eachCapability(func(c *capability.CapabilityState) { slices.Reverse(c.Providers) }),
	"chain shorter":  eachCapability(func(c *capability.CapabilityState) { c.Providers = c.Providers[len(c.Providers)/2:] }),
	"unseen twice":   eachCapability(func(c *capability.CapabilityState) { c.Unseen = slices.Concat(c.Unseen, c.Unseen) }),
	"unseen fewer":   eachCapability(func(c *capability.CapabilityState) { c.Unseen = c.Unseen[len(c.Unseen)/2:] }),
	"no capability":  func(s *capability.Snapshot) { s.Capabilities = nil },
	"reason":         eachProvider(func(p *capability.ProviderState) { p.Because = "narrower" }),
	"other registry": eachProvider(func(p *capability.ProviderState) { p.Registry += "x" }),
	"other place":    eachProvider(func(p *capability.ProviderState) { p.Site += "0" }),
	"other fate": eachCapability(func(c *capability.CapabilityState) {
		for i := range c.Unseen {
			c.Unseen[i].Fate = "not selected"
		}
	}),
}

func eachPending(f func(*capability.PendingState)) func(*capability.Snapshot) {
	return func(s *capability.Snapshot) {
		for i := range s.Pending {
			f(&s.Pending[i])
		}
	}
}

func eachCapability(f func(*capability.CapabilityState)) func(*capability.Snapshot) {
	return func(s *capability.Snapshot) {
		for i := range s.Capabilities {
			f(&s.Capabilities[i])
		}
	}
}

func eachProvider(f func(*capability.ProviderState)) func(*capability.Snapshot) {
	return eachCapability(func(c *capability.CapabilityState) {
		for i := range c.Providers {
			f(&c.Providers[i])
		}
	})
}

// TestDiffIsEmptyIfAndOnlyIfNothingThatCountsChanged compares random snapshots with
// each other and with what small changes make of them. The reverse of a Diff has
// the same differences, with old and new swapped.
func TestDiffIsEmptyIfAndOnlyIfNothingThatCountsChanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawSnapshot(t)
		others := map[string]*capability.Snapshot{"another": drawSnapshot(t)}
		for name, twist := range twists {
			others[name] = copied(t, a)
			twist(others[name])
		}
		for _, name := range slices.Sorted(maps.Keys(others)) {
			b := others[name]
			forth, back := a.Diff(b), b.Diff(a)
			if same := cmp.Equal(essence(a), essence(b)); same != (len(forth) == 0) {
				t.Fatalf("%s: Diff is %v; what counts (-a +b):\n%s", name, forth, cmp.Diff(essence(a), essence(b)))
			}
			for i := range back {
				back[i].Old, back[i].New = back[i].New, back[i].Old
			}
			if diff := cmp.Diff(forth, back); diff != "" {
				t.Fatalf("%s: the Diff of b and a, swapped, is not that of a and b (-want +got):\n%s", name, diff)
			}
			for _, d := range forth {
				if d.Old == d.New || d.What == "" {
					t.Fatalf("%s: a difference that is none: %+v", name, d)
				}
			}
		}
	})
}

// TestSnapshotOfManyProviders takes snapshots of many providers, all of them with a
// priority and a constraint, and their texts and Diff: whatever asks everybody about
// everybody does not come to an end.
func TestSnapshotOfManyProviders(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 5_000
	}
	engine, orders := capability.NewRegistry(capability.Engine, "engine"), capability.NewRegistry(capability.Pipeline, "orders")
	changes := make(capability.Changes, n)
	var masked []string
	for i := range changes {
		changes[i] = richAuth.Bind(fmt.Sprint("user", i), desk{}).Priority(i).After("nobody")
		if i%2 == 0 {
			masked = append(masked, fmt.Sprint("user", i))
		}
	}
	must(engine.Apply(changes))
	scope := must1(capability.Compose(engine, orders))
	before := scope.Snapshot()
	must(orders.Apply(richAuth.Mask(masked...)))
	after := scope.Snapshot()
	if got := len(before.Diff(after)); got != n/2 {
		t.Errorf("%d differences, want %d", got, n/2)
	}
	for _, text := range []string{after.String(), after.Explain("auth"), after.Mermaid("auth"), after.DOT("auth")} {
		if len(text) < 10*n {
			t.Errorf("a text of %d providers has %d bytes", n, len(text))
		}
	}
}

// TestSnapshotChangesNothing takes snapshots and looks whether handles, watches,
// generations and later commits are as they would have been.
func TestSnapshotChangesNothing(t *testing.T) {
	s := newDeskScope(t)
	must(s.engine.Apply(richAuth.Bind("saml", desk{}).Before("cookie")))
	all := must1(richAuth.All().Handle(s.scope))
	one := must1(richAuth.Handle(s.scope))
	names, value := all.Get().Names(), one.Get()
	first := s.scope.Snapshot()
	for range 3 {
		again := s.scope.Snapshot()
		_ = again.Explain("auth") + again.Explain("trace") + again.Mermaid("auth") + again.DOT("auth") + again.String() + indented(t, again)
		again.Diff(first)
		providers := again.Capabilities[0].Providers
		providers[1].Before[0] = "nobody"
		providers[0] = capability.ProviderState{Name: "mallory"}
	}
	if diff := cmp.Diff(first, s.scope.Snapshot()); diff != "" {
		t.Errorf("a snapshot after snapshots (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(names, all.Get().Names()); diff != "" || one.Get() != value {
		t.Errorf("the one is %v, want %v; the chain (-want +got):\n%s", one.Get(), value, diff)
	}
	must(s.engine.Apply(richAuth.Unbind("basic")))
	if diff := cmp.Diff([]string{"jwt", "saml", "cookie"}, all.Get().Names()); diff != "" {
		t.Errorf("the chain after a commit (-want +got):\n%s", diff)
	}
	if got, want := s.scope.Snapshot().Generation, first.Generation+1; got != want {
		t.Errorf("generation %d after a commit, want %d", got, want)
	}
	if got := len(first.Capabilities[0].Providers); got != 4 {
		t.Errorf("a commit left an earlier snapshot %d providers, want 4", got)
	}
}

// TestSnapshotCostsNothingUnlessAsked compares what Get, Use and Apply allocate in
// a scope of which nobody took a snapshot and in one of which somebody did.
func TestSnapshotCostsNothingUnlessAsked(t *testing.T) {
	type costs struct{ Get, Use, Apply, Resolve float64 }
	measure := func(ask bool) (c costs) {
		s := newDeskScope(t)
		one := must1(richAuth.Handle(s.scope))
		leased := must1(richAuth.Named("cookie").Leased(s.scope))
		if ask {
			for range 10 {
				_ = s.scope.Snapshot().Explain("auth")
			}
		}
		length := 0
		c.Get = testing.AllocsPerRun(100, func() { length += len(one.Get().name) })
		c.Use = testing.AllocsPerRun(100, func() { _ = leased.Use(func(d desk) error { length += len(d.name); return nil }) })
		rebind := richAuth.Rebind("jwt", desk{})
		c.Apply = testing.AllocsPerRun(100, func() { must(s.engine.Apply(rebind)) })
		var again capability.Handle[desk]
		need := richAuth.Into(&again)
		c.Resolve = testing.AllocsPerRun(100, func() { must(s.scope.Resolve(need)) })
		return c
	}
	without, with := measure(false), measure(true)
	if diff := cmp.Diff(without, with); diff != "" {
		t.Errorf("allocations (-nobody asked +somebody did):\n%s", diff)
	}
	if with.Get != 0 || with.Use != 0 || with.Apply == 0 {
		t.Errorf("allocations are %+v, want none for Get and Use and some for Apply", with)
	}
}

// TestSnapshotsAmongCommits takes snapshots while others commit to two registries
// at once, resolve, lease and close. Each snapshot is of one generation.
func TestSnapshotsAmongCommits(t *testing.T) {
	rounds := 2000
	if testing.Short() {
		rounds = 200
	}
	engine, orders := capability.NewRegistry(capability.Engine, "engine"), capability.NewRegistry(capability.Pipeline, "orders")
	retiring := func(b capability.Binding) capability.Binding { return b.OnRetire(func() error { return nil }) }
	must(capability.Commit(
		engine.Stage(richAuth.Bind("v0", desk{"v0"})),
		orders.Stage(retiring(richRoute.Bind("v0", desk{"v0"}))),
	))
	scope := must1(capability.Compose(engine, orders))
	must1(richAuth.All().Handle(scope))
	lease := must1(richRoute.Leased(scope))
	start := scope.Snapshot()
	done := make(chan struct{})
	commits := 0
	var enough atomic.Bool // snapshots came between commits often enough
	var others sync.WaitGroup
	others.Go(func() {
		defer close(done)
		for ; commits < rounds || !enough.Load(); commits++ {
			was, is := fmt.Sprint("v", commits), fmt.Sprint("v", commits+1)
			must(capability.Commit(
				engine.Stage(richAuth.Unbind(was), richAuth.Bind(is, desk{is})),
				orders.Stage(richRoute.Unbind(was), retiring(richRoute.Bind(is, desk{is}))),
			))
			runtime.Gosched()
		}
	})
	others.Go(func() {
		for open := true; open; {
			another := must1(capability.Compose(engine, orders))
			must1(richAuth.Handle(another))
			must1(richRoute.Leased(another))
			must(lease.Use(func(desk) error { return nil }))
			_ = another.Snapshot().String()
			must(another.Close())
			if len(another.Snapshot().Capabilities) > 0 {
				t.Error("the snapshot of a closed scope has capabilities")
			}
			select {
			case <-done:
				open = false
			default:
				runtime.Gosched()
			}
		}
	})
	fail := func(format string, args ...any) {
		enough.Store(true)
		others.Wait()
		t.Fatalf(format, args...)
	}
	last, seen := start, 0
	for open := true; open; {
		select {
		case <-done:
			open = false
		default:
		}
		s := scope.Snapshot()
		version := int(s.Generation-start.Generation) / 2
		want := fmt.Sprint("v", version)
		for _, name := range []string{"auth", "route"} {
			i := slices.IndexFunc(s.Capabilities, func(c capability.CapabilityState) bool { return c.Name == name })
			if c := s.Capabilities[i]; len(c.Providers) != 1 || c.One != want {
				fail("at generation %d the one of %s is %q of %d, want %q", s.Generation, name, c.One, len(c.Providers), want)
			}
		}
		if s.Generation < last.Generation {
			fail("generation %d after %d", s.Generation, last.Generation)
		}
		_ = s.Explain("auth") + s.Mermaid("route") + fmt.Sprint(last.Diff(s))
		if s.Generation != last.Generation {
			seen++
			if seen >= 50 {
				enough.Store(true)
			}
		}
		last = s
		runtime.Gosched()
	}
	others.Wait()
	if got, want := scope.Snapshot().Generation, start.Generation+2*uint64(commits); got != want {
		t.Errorf("generation %d at the end, want %d", got, want)
	}
	must(scope.Close())
	must(orders.Close(t.Context()))
	must(engine.Close(t.Context()))
}

// onLines resolves on lines that are made up. It is the last in the file, because the
// lines after it are made up as well.
var onLines = []func(*capability.Scope){
//line lines.go:9
	func(s *capability.Scope) { must1(richAuth.Handle(s)) },
	func(s *capability.Scope) { must1(richAuth.Handle(s)) },
//line lines.go:99
	func(s *capability.Scope) { must1(richAuth.Handle(s)) },
	func(s *capability.Scope) { must1(richAuth.Handle(s)) },
//line lines.go:1000
	func(s *capability.Scope) { must1(richAuth.Handle(s)) },
}
