// Fuzz targets: the decoders and Match against naive versions. Without -fuzz they run
// their seeds.

package data_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/typedcap/capability/data"
)

// A verdict is what the naive decoder says: nothing, or what is wrong and where.
type verdict struct {
	wrong string
	at    int // in the text without its mark; -1 if the naive decoder does not know
}

const (
	wrongBytes  = "as UTF-8"
	wrongSyntax = "JSON input"
	wrongOpen   = "the text is not "
	wrongTwice  = "already at"
	wrongNull   = "is null"
	wrongType   = "type"
	wrongRecord = "a record before has the key"
)

// naive decodes a text token by token, and then each element by itself. Fold says that
// inside the elements case does not count.
func naive[V any](text []byte, open json.Delim, fold bool) (keys []string, values []V, at []int, v verdict) {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return nil, nil, nil, verdict{wrongBytes, i}
		}
		i += size
	}
	if !json.Valid(text) {
		if at, wrong := firstWrong(text); at < len(text) {
			return nil, nil, nil, verdict{wrong, at}
		}
		return nil, nil, nil, verdict{wrongSyntax, len(text)}
	}
	begin := bytes.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune(" \t\r\n", r) })
	if text[begin] != byte(open) {
		return nil, nil, nil, verdict{wrongOpen, begin}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	token(d)
	_, flat := any(*new(V)).(flag)
	_, number := any(*new(V)).(int)
	nullable := !flat && !number
	var raws []json.RawMessage
	for d.More() {
		if open == '{' {
			keys = append(keys, token(d).(string))
		}
		at = append(at, next(text, d))
		var raw json.RawMessage
		must(d.Decode(&raw))
		raws = append(raws, raw)
	}
	for _, raw := range raws {
		var value V
		if json.Unmarshal(raw, &value) != nil {
			return nil, nil, nil, verdict{wrongType, -1}
		}
		values = append(values, value)
	}
	if at := repeated(text, fold); at >= 0 {
		return nil, nil, nil, verdict{wrongTwice, at}
	}
	for i, raw := range raws {
		if string(raw) == "null" && !nullable {
			return nil, nil, nil, verdict{wrongNull, at[i]}
		}
	}
	return keys, values, at, verdict{}
}

// token returns the next token of a valid text.
func token(d *json.Decoder) json.Token {
	token, err := d.Token()
	must(err)
	return token
}

// next returns where the next token begins.
func next(text []byte, d *json.Decoder) int {
	at := int(d.InputOffset())
	return at + len(text[at:]) - len(bytes.TrimLeft(text[at:], " \t\r\n,:"))
}

// repeated returns where an object has a key for the second time, -1 if none has.
func repeated(text []byte, fold bool) int {
	type object struct {
		is   bool // and no array
		key  bool // comes next
		keys []string
	}
	var open []object
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // of any size
	for {
		at := next(text, d)
		token, err := d.Token()
		if err == io.EOF {
			return -1
		}
		must(err)
		delim, _ := token.(json.Delim)
		if delim == '}' || delim == ']' {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open); n > 0 && open[n-1].is {
			if top := &open[n-1]; top.key {
				key := token.(string)
				if slices.ContainsFunc(top.keys, func(k string) bool { return k == key || fold && n > 1 && strings.EqualFold(k, key) }) {
					return at
				}
				top.keys, top.key = append(top.keys, key), false
				continue
			} else {
				top.key = true // after this value
			}
		}
		switch delim {
		case '{':
			open = append(open, object{is: true, key: true})
		case '[':
			open = append(open, object{})
		}
	}
}

// firstWrong returns where a text stops being the begin of a valid one, its end if it
// does not, and what encoding/json says of that.
func firstWrong(text []byte) (at int, what string) {
	var wrong *json.SyntaxError
	var v any
	text = append(bytes.Clone(text), 0) // a zero byte is always wrong
	errors.As(json.Unmarshal(text, &v), &wrong)
	for at = int(wrong.Offset) - 1; !utf8.RuneStart(text[at]); at-- {
	}
	return at, wrong.Error()
}

// judge compares an error with the verdict, and its place with the text.
func judge(t *testing.T, what string, text []byte, err error, want verdict) {
	t.Helper()
	if want.wrong == "" {
		if err != nil {
			t.Fatalf("%s refuses %q: %v", what, text, err)
		}
		return
	}
	var at *data.PositionError
	if !errors.As(err, &at) {
		t.Fatalf("%s of %q: got %v, want a PositionError: %s", what, text, err, want.wrong)
	}
	lines := bytes.Split(text, []byte("\n"))
	if at.Line < 1 || at.Line > len(lines) || at.Column < 1 || at.Column > len(lines[at.Line-1])+1 {
		t.Fatalf("%s of %q: %v is not in the text", what, text, err)
	}
	offset := at.Column - 1
	for _, line := range lines[:at.Line-1] {
		offset += len(line) + 1
	}
	if want.at >= 0 && (offset != want.at || !strings.Contains(err.Error(), want.wrong)) {
		t.Fatalf("%s of %q: got %v at byte %d, want %q at byte %d", what, text, err, offset, want.wrong, want.at)
	}
	if len(err.Error()) > 200+8*len(text) {
		t.Fatalf("%s of %q: the error has %d bytes", what, text, len(err.Error()))
	}
}

// checkJSON compares JSON with the naive decoder.
func checkJSON[V any](t *testing.T, text []byte, fold bool) {
	t.Helper()
	what := fmt.Sprintf("JSON[%v]", reflect.TypeFor[V]())
	given := bytes.Clone(text)
	got, err := data.JSON[V](text)
	if !bytes.Equal(given, text) {
		t.Fatalf("%s has changed the text %q to %q", what, given, text)
	}
	plain := bytes.TrimPrefix(text, []byte("\uFEFF"))
	keys, values, _, want := naive[V](plain, '{', fold)
	judge(t, what, plain, err, want)
	if err != nil {
		if got != nil {
			t.Fatalf("%s of %q is %v beside the error", what, text, got)
		}
		return
	}
	all := make(map[string]V)
	for i, k := range keys {
		all[k] = values[i]
	}
	if !reflect.DeepEqual(all, got) { // a cmp.Diff of what is deep takes for ever
		t.Fatalf("%s of %q is %#v, want %#v", what, text, got, all)
	}
}

// checkJSONRecords compares JSONRecords with the naive decoder.
func checkJSONRecords[K interface{ int | string }, V any](t *testing.T, text []byte, fold bool, key func(V) K) {
	t.Helper()
	what := fmt.Sprintf("JSONRecords[%v]", reflect.TypeFor[V]())
	got, err := data.JSONRecords(key)(text)
	plain := bytes.TrimPrefix(text, []byte("\uFEFF"))
	_, values, at, want := naive[V](plain, '[', fold)
	all := make(map[K]V)
	for i, v := range values {
		if _, ok := all[key(v)]; ok {
			want = verdict{wrongRecord, at[i]}
			break
		}
		all[key(v)] = v
	}
	judge(t, what, plain, err, want)
	if err != nil {
		if got != nil {
			t.Fatalf("%s of %q is %v beside the error", what, text, got)
		}
		return
	}
	if !reflect.DeepEqual(all, got) { // a cmp.Diff of what is deep takes for ever
		t.Fatalf("%s of %q is %#v, want %#v", what, text, got, all)
	}
}

// spoiled yields each way of spoiling one byte of a text, of leaving it out, and of
// ending there.
func spoiled(text string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range len(text) {
			if !yield([]byte(text[:i])) || !yield([]byte(text[:i]+text[i+1:])) {
				return
			}
			for _, c := range []byte("{}[]\",:\\0n \n\x00\xff") {
				if !yield([]byte(text[:i] + string([]byte{c}) + text[i+1:])) {
					return
				}
			}
		}
	}
}

func checkObject(t *testing.T, text []byte) {
	t.Helper()
	checkJSON[any](t, text, false)
	checkJSON[flag](t, text, true)
	checkJSON[*flag](t, text, true)
	checkJSON[int](t, text, true)
	checkJSON[map[string]any](t, text, false)
}

func checkArray(t *testing.T, text []byte) {
	t.Helper()
	checkJSONRecords(t, text, true, func(f flag) int { return f.Since })
	checkJSONRecords(t, text, false, func(v any) string { return fmt.Sprintf("%T %.1v", v, v) })
	checkJSONRecords(t, text, true, func(n int) int { return n / 10 })
}

var (
	goodObjects = []string{`{"a":{"on":true,"since":3,"tags":["x","\"é"]},"bé":{}}`, "{\n \"a\": 1,\r\n\t\"b\": -2e1}", `{"a":{"b":{"b":null}},"b":[{},[]]}`}
	goodArrays  = []string{`[{"on":true,"since":3,"tags":["x"]},{"since":4}]`, "[\n 1,\r\n\t-20, \"a\"]", `[{"since":1}, {"since":10}, {"since":11}]`}
)

// Texts with one mistake are refused for that one, or are other good texts.
func TestSpoiledTexts(t *testing.T) {
	for _, good := range goodObjects {
		for text := range spoiled(good) {
			checkObject(t, text)
		}
	}
	for _, good := range goodArrays {
		for text := range spoiled(good) {
			checkArray(t, text)
		}
	}
}

// Texts as deep as encoding/json allows, and one deeper.
func TestDeepTexts(t *testing.T) {
	for _, n := range []int{9_999, 10_000, 10_001} {
		in, out := strings.Repeat("[", n-1), strings.Repeat("]", n-1)
		checkObject(t, []byte(`{"a":`+in+out+"}"))
		checkArray(t, []byte("["+in+out+"]"))
		checkObject(t, []byte(strings.Repeat(`{"a":`, n)+"{}"+strings.Repeat("}", n)))
	}
}

// addTexts adds texts that bring out most of what can be wrong.
func addTexts(f *testing.F, good ...string) {
	for _, text := range good {
		f.Add([]byte(text))
		f.Add([]byte("\uFEFF" + text))
		f.Add([]byte("\uFEFF\uFEFF" + text))
		f.Add([]byte(text + text))
	}
	for _, text := range []string{
		"", " ", "\n", "null", "true", "7", `"a"`, "\ufeff", "\xff\xfe", "\xfe\xff", "{}", "[]", "{}]", "[]]", "{} {}", "[null]", `{"a":null}`, `{"a":1}x`,
		`{"a":1,"a":1}`, `{"a":{"b":1,"b":1}}`, `{"a":[{"b":1},{"b":1}],"b":1}`, `{"a":1,"\u0061":1}`, `{"\ud800":1,"\ud801":1}`, `{"\"":1,"\u0022":1}`, `{"\\":1,"\\":1}`,
		`{"":1,"":1}`, `{"a":{},"b":{},"a":{}}`, `[{"on":true,"on":true}]`, `[[{"a":1,"a":1}]]`, `{"a":"{","b":"}","a":"["}`, `{"a":"\\","b":"\"","a":1}`,
		"{\"a\":1,\n\"é\":2,\n\n \"a\":3}", "{\"é\":1,\"e\":2,\"é\":3}", `{"A":1,"a":1}`, `{"a":{"ON":true,"on":false}}`, `{"a":{"\u017fince":1,"Since":1}}`, `[{"on":true,"oN":true}]`, `{"a":{"é":1,"É":2,"tags":[]}}`, `{"a":1e999}`, `{"a":-0,"b":0.0}`, `{"a":[null]}`,
		`[{"since":1},{"since":1}]`, `[{"since":1},{"since":2},{}]`, "[{\"since\":1},\n{},\n {}]", "[\n\n]", `[1,1]`, `["a","b","a"]`, `[{},null]`,
		`{"a":1}` + "\x00", "\v{}", "\u00a0{}", "{\u2028}",
	} {
		f.Add([]byte(text))
	}
	var many strings.Builder
	for i := range 40 {
		fmt.Fprintf(&many, `"k%d":%d,`, i, i)
		f.Add([]byte("{" + many.String() + `"k0":1}`))
		f.Add([]byte("{\n" + many.String() + fmt.Sprintf(`"k%d":1}`, i)))
		f.Add([]byte("{" + many.String() + `"other":{` + many.String() + `"k7":0}}`))
		f.Add([]byte("{" + many.String() + `"z":1}`))
	}
}

// FuzzJSON proves that JSON accepts what the naive decoder accepts and decodes it as
// that does, and that it refuses all else and says where.
func FuzzJSON(f *testing.F) {
	addTexts(f, goodObjects...)
	f.Fuzz(checkObject)
}

// FuzzJSONRecords proves the same of arrays, and that no two records have one key.
func FuzzJSONRecords(f *testing.F) {
	addTexts(f, goodArrays...)
	f.Fuzz(checkArray)
}

// FuzzMatch proves that Match finds what those find who look at all keys and at all
// prefixes. The keys are the lines of a text, for two sources in turn.
func FuzzMatch(f *testing.F) {
	f.Add("tea/*\ntea/black*\n*\ntea/green", "tea/blackberry")
	f.Add("a*\nab*\nabc*\nabd*\nb*", "abx")
	f.Add("*\n**\n***\n****", "**")
	f.Add("\xff*\n\xff\xff*\né*\n\xc3*\n\n\x80*", "è")
	f.Add("a*\na*\na\na", "a")
	f.Add("abc*\n\nab*\n\na*\n\nabd*\n\nabcd*", "abcdefg")
	f.Fuzz(func(t *testing.T, keys, name string) {
		sources := []prices{{}, {}}
		names := []string{name}
		for i, k := range strings.Split(keys, "\n") {
			sources[i%2][k] = i
			names = append(names, k, strings.TrimSuffix(k, "*"), k+"a", strings.TrimSuffix(k, "*")+name)
		}
		table := tableOf(sources...)
		for _, name := range names {
			want := naiveMatch(name, sources)
			if other := prefixMatch(name, sources); other != want {
				t.Fatalf("the two naive versions differ for %q: %+v and %+v", name, want, other)
			}
			if got := match(table, name); got != want {
				t.Fatalf("%q among %q is %+v, want %+v", name, keys, got, want)
			}
		}
	})
}
