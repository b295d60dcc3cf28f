// The vocabulary of conformance vectors: how one is written down, and which
// words it may use. An unknown word or field is an error, never a skip.

package conformance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// A vector is one dispatch fact of another system and what this library is to
// do with it.
type vector struct {
	ID         string            `json:"id"`
	System     string            `json:"system"`
	Origin     string            `json:"origin"`
	Kind       string            `json:"kind"`
	Layers     []json.RawMessage `json:"layers"` // names, or data layers with entries
	Providers  []vectorProvider  `json:"providers"`
	Mode       string            `json:"mode"`
	Options    []string          `json:"options"`
	Input      any               `json:"input"` // a list, or an object of named arguments
	Steps      []vectorStep      `json:"steps"`
	Expected   *vectorExpected   `json:"expected"` // what the other system does
	Stance     string            `json:"stance"`
	Suggestion *vectorExpected   `json:"ours_expected_suggestion"`
	Ours       string            `json:"ours"`
	Note       string            `json:"note"`
	Verified   string            `json:"verified"`
}

// A vectorProvider is a provider of a vector, in registration order.
type vectorProvider struct {
	Name       string            `json:"name"`
	Source     string            `json:"source"`
	Priority   *int              `json:"priority"` // a stage: the lower comes first
	Before     []string          `json:"before"`
	First      bool              `json:"first"`
	Last       bool              `json:"last"`
	Wrapper    bool              `json:"wrapper"`
	Repeat     int               `json:"repeat"`
	Params     []string          `json:"params"`
	Implements []json.RawMessage `json:"implements"`
	Options    *vectorOptions    `json:"with_options"`
	Async      string            `json:"async"`
	Delay      float64           `json:"delay_ms"`
	Behaviour  vectorBehaviour   `json:"behaviour"`

	onCall *vectorOnCall
}

// vectorOptions are the options that a provider gets unless it has its own.
type vectorOptions struct {
	Priority *int     `json:"priority"`
	Before   []string `json:"before"`
}

// vectorBehaviour is what a provider does when it is called.
type vectorBehaviour struct {
	Op    string `json:"op"`
	Value any    `json:"value"`
	Pre   string `json:"pre"`
	Post  string `json:"post"`
	Class string `json:"class"`
}

// A vectorStep is one thing that is done to the registry, or a call.
type vectorStep struct {
	Op        string           `json:"op"`
	Name      string           `json:"name"`
	First     bool             `json:"first"`
	Last      bool             `json:"last"`
	Priority  *int             `json:"priority"`
	Before    []string         `json:"before"`
	Behaviour *vectorBehaviour `json:"behaviour"`
	None      bool             `json:"none"`
	Value     json.RawMessage  `json:"value"`
	Mul       any              `json:"mul"`
	OnCall    *vectorOnCall    `json:"on_call"`
	Exclude   []string         `json:"exclude"`
	Extra     []string         `json:"extra"`
	Arg       any              `json:"arg"`
	Points    []string         `json:"points"`   // of which an interceptor is told
	Callback  bool             `json:"callback"` // the answers are wanted too, which can only be refused

	// Of the modes data and reload: a view of the table, or what a source reads from
	// now on.

	Query   string      `json:"query"`
	Source  string      `json:"source"` // all of them if it is empty
	Key     *string     `json:"key"`
	Keys    []string    `json:"keys"`
	Entries []dataEntry `json:"entries"`
	Text    *string     `json:"text"`

	With string `json:"with"` // of a step that is refused
}

// vectorOnCall is what a provider does to the registry while it is called.
type vectorOnCall struct {
	Tap        string `json:"tap"`
	Register   string `json:"register"`
	Unregister string `json:"unregister"`
}

// vectorExpected is an outcome as a vector or the verdict table writes it.
type vectorExpected struct {
	Calls      []string      `json:"calls"`
	Unordered  bool          `json:"calls_unordered"`
	Result     *vectorResult `json:"result"`
	Error      *vectorFault  `json:"error"`
	Errors     []vectorFault `json:"errors"`
	BuildError string        `json:"build_error"`
}

// A vectorResult is what a call returned.
type vectorResult struct {
	Kind  string `json:"kind"`
	Value any    `json:"value"`
}

// A vectorFault is an error. An empty provider stands for any.
type vectorFault struct {
	Provider string `json:"provider"`
	Class    string `json:"class"`
	Value    any    `json:"value"`
}

// The words. An op lists the modes in which it can be replayed, and an option too; in
// others a vector with it can only be refused or unrepresentable. The concurrent
// modes have the ops of what they do one after the other.
var (
	vectorSystems = []string{"couch_epi", "pluggy", "tapable"}
	vectorKinds   = []string{"dispatch", "order", "registry", "data", "notify"}
	vectorStances = []string{"keep", "adapt", "fix", "unrepresentable", "refuse"}
	vectorModes   = []string{
		"each", "collect", "any", "all", "pipe", "decide", "concurrent", "wrap", "loop", "historic", "select",
		"concurrent_decide", "data", "reload", "register", "registry", "is_configured",
	}
	vectorClasses     = []string{"error", "panic", "misuse", "validation"}
	vectorResultKinds = []string{"list", "value", "bool", "decided", "no_decision", "none", "void", "handles", "other"}
	vectorOffers      = []string{"override", "normal", "default"}
	vectorAsync       = []string{"", "sync", "promise", "callback"}
	vectorPoints      = []string{"call", "tap", "result", "done", "error"}

	vectorSaying = []string{"each", "collect", "wrap", "register", "decide", "pipe"}
	vectorOps    = map[string][]string{
		"return":          append([]string{"any", "all"}, vectorSaying...),
		"error":           append([]string{"any", "all", "reload"}, vectorSaying...),
		"panic":           append([]string{"any", "all", "reload"}, vectorSaying...),
		"none":            append([]string{"select", "historic", "reload"}, vectorSaying...),
		"null":            vectorSaying,
		"add":             vectorSaying,
		"mul":             vectorSaying,
		"append":          vectorSaying,
		"sum_args":        {"each", "collect", "wrap", "register", "decide"},
		"loop_until_call": vectorSaying,
		"decided":         {"decide", "wrap"},
		"no_decision":     {"decide", "wrap", "select"},
		"wrap":            {"each", "collect", "decide", "wrap", "register"},
		"offer":           {"select"},
		"raw":             nil,
		"wrap_no_yield":   nil,
	}
	// Options that change nothing here: one call after the other is what the
	// verbs do anyway.
	vectorOptionModes = map[string][]string{
		"async_series":     vectorModes,
		"callAsync":        vectorModes,
		"first":            {"wrap"},
		"ignore_errors":    {"each", "collect", "any", "all", "pipe", "decide", "concurrent"},
		"concurrent":       {"each", "collect", "any", "all", "decide"},
		"pipe":             nil,
		"wrong_service_id": nil,
	}
	vectorSteps = []string{
		"register", "register_wrapper", "tap", "unregister", "call", "subset", "subset_call", "call_subset", "call_with_extra",
		"call_historic", "monitor", "undo", "intercept", "intercept_register_replace", "write", "reload",
	}
	// The views of a table, with what may be said of them.
	vectorQueries = map[string][]string{
		"sources": nil, "keys": nil, "status": nil, "get": {"key"}, "get_value": {"source", "key"},
		"by_key": {"key"}, "by_source": {"source"}, "get_many": {"source", "keys"},
	}
)

// vectorVocabulary has the words by what they are.
var vectorVocabulary = map[string][]string{
	"system": vectorSystems, "kind": vectorKinds, "mode": vectorModes, "stance": vectorStances,
	"option": slices.Sorted(maps.Keys(vectorOptionModes)), "op": slices.Sorted(maps.Keys(vectorOps)),
	"class of offer": vectorOffers, "pre": {"ok", "raise"},
	"post":  {"pass", "mul", "replace", "recover", "replace_error", "raise"},
	"async": vectorAsync, "step": vectorSteps, "point": vectorPoints,
	"query":       slices.Sorted(maps.Keys(vectorQueries)),
	"result kind": vectorResultKinds, "error class": vectorClasses,
}

// decodeVector decodes data, which holds just one value without unknown fields.
func decodeVector(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more follows after the value")
	}
	return nil
}

// A vectorWord is a word and what it is.
type vectorWord struct{ what, is string }

// words returns the words of v.
func (v *vector) words() []vectorWord {
	words := []vectorWord{{"system", v.System}, {"kind", v.Kind}, {"mode", v.Mode}, {"stance", v.Stance}}
	word := func(what, is string) { words = append(words, vectorWord{what, is}) }
	for _, o := range v.Options {
		word("option", o)
	}
	behaviour := func(b vectorBehaviour) {
		word("op", b.Op)
		switch b.Op {
		case "offer":
			word("class of offer", b.Class)
		case "wrap":
			verb, _, _ := strings.Cut(b.Pre, ":")
			word("pre", verb)
			verb, _, _ = strings.Cut(b.Post, ":")
			word("post", verb)
		}
	}
	for _, p := range v.Providers {
		behaviour(p.Behaviour)
		word("async", p.Async)
	}
	for _, s := range v.Steps {
		if s.Query != "" {
			word("query", s.Query)
		}
		if s.Query == "" || s.Op != "" {
			word("step", s.Op)
		}
		for _, point := range s.Points {
			word("point", point)
		}
		if s.Behaviour != nil {
			behaviour(*s.Behaviour)
		}
	}
	for _, e := range []*vectorExpected{v.Expected, v.Suggestion} {
		if e == nil {
			continue
		}
		if e.Result != nil {
			word("result kind", e.Result.Kind)
		}
		for _, f := range e.faults() {
			word("error class", f.Class)
		}
	}
	return words
}

// known returns an error for each word of v that is not in the vocabulary.
func (v *vector) known() error {
	var errs []error
	if v.ID == "" || v.Expected == nil {
		errs = append(errs, errors.New("id or expected is missing"))
	}
	if v.hasFeed() {
		for _, raw := range v.Layers {
			if err := decodeVector(raw, new(dataLayer)); err != nil {
				errs = append(errs, fmt.Errorf("layer %s is no source: %w", raw, err))
			}
		}
	}
	for _, w := range v.words() {
		if !slices.Contains(vectorVocabulary[w.what], w.is) {
			errs = append(errs, fmt.Errorf("unknown %s %q", w.what, w.is))
		}
	}
	return errors.Join(errs...)
}

// replayable returns an error if v uses a known word where it has no meaning.
func (v *vector) replayable() error {
	var errs []error
	for _, o := range v.Options {
		if !slices.Contains(vectorOptionModes[o], v.Mode) {
			errs = append(errs, fmt.Errorf("option %q has no meaning in mode %q", o, v.Mode))
		}
	}
	for _, p := range v.providersAndSteps() {
		if op := p.Behaviour.Op; v.Mode != "is_configured" && !slices.Contains(vectorOps[op], v.verb()) {
			errs = append(errs, fmt.Errorf("op %q has no meaning in mode %q", op, v.Mode))
		}
		if v.concurrent() && p.onCall != nil {
			errs = append(errs, fmt.Errorf("on_call has no meaning among providers that run at the same time"))
		}
	}
	for _, s := range v.Steps {
		if observes := slices.Contains(vectorObserving, s.Op); observes && (v.concurrent() || v.keepsGoing()) {
			errs = append(errs, fmt.Errorf("step %q has no meaning where the verbs are not the fail-fast ones", s.Op))
		}
		if s.Query != "" {
			errs = append(errs, s.answerable(v))
		}
	}
	return errors.Join(errs...)
}

// answerable returns an error if the query s has no meaning in v.
func (s vectorStep) answerable(v *vector) error {
	given := map[string]bool{"source": s.Source != "", "key": s.Key != nil, "keys": s.Keys != nil}
	switch {
	case !v.hasFeed() || s.Op != "":
		return fmt.Errorf("query %q has no meaning in mode %q with the op %q", s.Query, v.Mode, s.Op)
	case s.Query == "get_value" && !given["key"], s.Query == "get_many" && !given["keys"]:
		return fmt.Errorf("query %q does not say of which key", s.Query)
	}
	for _, what := range slices.Sorted(maps.Keys(given)) {
		if given[what] && !slices.Contains(vectorQueries[s.Query], what) {
			return fmt.Errorf("%s has no meaning in query %q", what, s.Query)
		}
	}
	return nil
}

// providersAndSteps returns the providers and those that steps register.
func (v *vector) providersAndSteps() []vectorProvider {
	all := slices.Clone(v.Providers)
	for _, s := range v.Steps {
		if s.registers() {
			all = append(all, s.provider(v))
		}
	}
	return all
}

// registers reports whether the step registers a provider.
func (s vectorStep) registers() bool {
	return s.Op == "register" || s.Op == "register_wrapper" || s.Op == "tap"
}

// provider returns what the step registers. Where order is the fact, a provider
// without a behaviour answers its name, elsewhere nothing.
func (s vectorStep) provider(v *vector) vectorProvider {
	p := vectorProvider{
		Name: s.Name, First: s.First, Last: s.Last, Priority: s.Priority, Before: s.Before,
		Wrapper: s.Op == "register_wrapper", Behaviour: vectorBehaviour{Op: "none"}, onCall: s.OnCall,
	}
	switch {
	case s.Behaviour != nil:
		p.Behaviour = *s.Behaviour
	case p.Wrapper:
		p.Behaviour = vectorBehaviour{Op: "wrap", Pre: "ok", Post: "pass"}
	case s.Mul != nil:
		p.Behaviour = vectorBehaviour{Op: "mul", Value: s.Mul}
	case s.Value != nil:
		p.Behaviour.Op = "return"
		if err := json.Unmarshal(s.Value, &p.Behaviour.Value); err != nil {
			panic(vectorMisfit(err.Error()))
		}
	case v.Kind == "order" && !s.None:
		p.Behaviour = vectorBehaviour{Op: "return", Value: s.Name}
	}
	return p
}

// isWrapper reports whether p wraps calls instead of answering them.
func (p vectorProvider) isWrapper() bool { return p.Wrapper || p.Behaviour.Op == "wrap" }

// prose reports whether v says in prose only what was done: there is nothing in
// it to replay.
func (v *vector) prose() bool {
	return (v.Kind == "registry" || v.Kind == "notify") && v.Mode != "select" && v.Mode != "is_configured" &&
		len(v.Providers) == 0 && len(v.Steps) == 0 && len(v.arguments()) == 0
}

// strays returns the names that providers are to come before and that no
// provider has.
func (v *vector) strays() []string {
	var bound, strays []string
	all := v.providersAndSteps()
	for _, p := range all {
		bound = append(bound, p.Name)
	}
	for _, p := range all {
		for _, name := range p.before() {
			if !slices.Contains(bound, name) {
				strays = append(strays, name)
			}
		}
	}
	return strays
}

// withoutStrays returns v without the names that nobody has.
func (v *vector) withoutStrays() *vector {
	strays := v.strays()
	stray := func(name string) bool { return slices.Contains(strays, name) }
	plain := *v
	plain.Providers = slices.Clone(v.Providers)
	for i := range plain.Providers {
		p := &plain.Providers[i]
		p.Before = slices.DeleteFunc(slices.Clone(p.before()), stray)
	}
	plain.Steps = slices.Clone(v.Steps)
	for i := range plain.Steps {
		plain.Steps[i].Before = slices.DeleteFunc(slices.Clone(plain.Steps[i].Before), stray)
	}
	return &plain
}

// before returns the names that p is to come before.
func (p vectorProvider) before() []string {
	if p.Before == nil && p.Options != nil {
		return p.Options.Before
	}
	return p.Before
}

// stage returns the stage of p: the lower comes first.
func (p vectorProvider) stage() int {
	switch {
	case p.Priority != nil:
		return *p.Priority
	case p.Options != nil && p.Options.Priority != nil:
		return *p.Options.Priority
	}
	return 0
}

// faults returns the expected errors, whichever way they are written.
func (e *vectorExpected) faults() []vectorFault {
	faults := slices.Clone(e.Errors)
	if e.Error != nil {
		faults = append(faults, *e.Error)
	}
	return faults
}

// arguments returns the positional arguments of v, or the named ones as one.
func (v *vector) arguments() []any {
	switch in := v.Input.(type) {
	case nil:
		return nil
	case []any:
		return in
	default:
		return []any{in}
	}
}

// textOfValue returns a value of a vector as an error prints it.
func textOfValue(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(b)
}

// A rawVector is a vector that is not decoded yet, so that what is wrong with it
// is its own failure.
type rawVector struct {
	id   string
	text json.RawMessage
}

// decodeVectors takes a file of vectors apart.
func decodeVectors(data []byte) ([]rawVector, error) {
	var file struct {
		Legend  json.RawMessage   `json:"legend"`
		Count   int               `json:"count"`
		Vectors []json.RawMessage `json:"vectors"`
	}
	if err := decodeVector(data, &file); err != nil {
		return nil, err
	}
	if len(file.Vectors) == 0 {
		return nil, errors.New("the file has no vectors")
	}
	seen := make(map[string]bool)
	var vectors []rawVector
	for i, text := range file.Vectors {
		var named struct{ ID string }
		if err := json.Unmarshal(text, &named); err != nil {
			return nil, fmt.Errorf("vector %d: %w", i+1, err)
		}
		if seen[named.ID] {
			return nil, fmt.Errorf("two vectors have the id %q", named.ID)
		}
		seen[named.ID] = true
		vectors = append(vectors, rawVector{named.ID, text})
	}
	return vectors, nil
}
