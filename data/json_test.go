package data_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability/data"
)

type flag struct {
	On    bool     `json:"on"`
	Since int      `json:"since"`
	Tags  []string `json:"tags"`
}

func TestJSON(t *testing.T) {
	got, err := data.JSON[flag]([]byte("\uFEFF \n{\"a\": {\"on\": true, \"since\": 3, \"tags\": [\"x\", \"x\"]}, \"b\\u0062\": {}}\n"))
	want := map[string]flag{"a": {true, 3, []string{"x", "x"}}, "bb": {}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	pointers, err := data.JSON[*flag]([]byte(`{"a": null}`))
	if diff := cmp.Diff(map[string]*flag{"a": nil}, pointers); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestJSONRecords(t *testing.T) {
	decode := data.JSONRecords(func(f flag) int { return f.Since })
	got, err := decode([]byte(`[{"since": 2}, {"since": 1, "on": true}]`))
	if diff := cmp.Diff(map[int]flag{1: {On: true, Since: 1}, 2: {Since: 2}}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := decode([]byte(`[]`)); len(got) != 0 || got == nil || err != nil {
		t.Errorf("no records are %v, %v", got, err)
	}
}

// std is what encoding/json says of a text that is no T. Releases of Go differ in it.
func std[T any](text string) string { return json.Unmarshal([]byte(text), new(T)).Error() }

// Each text is refused, at that place.
func TestBadJSON(t *testing.T) {
	records := data.JSONRecords(func(f flag) int { return f.Since })
	for _, c := range []struct{ name, text, object, array string }{
		{"empty", "", "1:1: unexpected end of JSON input", "1:1: unexpected end of JSON input"},
		{"blank", " \n ", "2:2: unexpected end of JSON input", "2:2: unexpected end of JSON input"},
		{"null", "null", "1:1: the text is not an object: begin it with {", "1:1: the text is not an array: begin it with ["},
		{"number", "\n 7", "2:2: the text is not an object: begin it with {", "2:2: the text is not an array: begin it with ["},
		{"bracket behind", `{"a":{}}]`, "1:9: invalid character ']' after top-level value", "1:9: invalid character ']' after top-level value"},
		{"another value behind", "{}\n{}", "2:1: invalid character '{' after top-level value", "2:1: invalid character '{' after top-level value"},
		{"key twice", "{\"a\": {},\n \"a\": {}}", `2:2: the object has the key "a" already at 1:2: rename it, or drop one`, ""},
		{"key twice, once escaped", `{"a": {}, "\u0061": {}}`, `1:11: the object has the key "a" already at 1:2: rename it, or drop one`, ""},
		{"key twice inside", `{"a": {"on": true, "on": false}}`, `1:20: the object has the key "on" already at 1:8: rename it, or drop one`, ""},
		{"key twice in another case", `{"a": {"on": true, "On": false}, "A": {}}`, `1:20: the object has the key "On" already at 1:8: rename it, or drop one`, ""},
		{"key twice in a record", `[{"on": true, "on": false}]`, "", `1:15: the object has the key "on" already at 1:3: rename it, or drop one`},
		{"null entry", "{\"b\": {},\n\"a\": null}", "2:6: the entry is null: leave it out, or give it a value", ""},
		{"null record", "[{}, null]", "", "1:6: the record is null: leave it out, or give it a value"},
		{"two records of one key", "[{\"since\": 1},\n{\"since\": 1}]", "", "2:1: a record before has the key 1 too: give this one another, or drop one"},
		{"wrong type", "{\"a\": {\"since\": \"now\"}}", "1:22: " + std[map[string]flag]("{\"a\": {\"since\": \"now\"}}"), ""},
		{"UTF-16", "\xff\xfe{\x00}\x00", "1:1: the text is UTF-16: save it as UTF-8", "1:1: the text is UTF-16: save it as UTF-8"},
		{"no UTF-8", "{\"a\xff\": {}}", "1:4: the byte 0xff is no UTF-8: save the text as UTF-8", "1:4: the byte 0xff is no UTF-8: save the text as UTF-8"},
		{"binary", "\x00\x01", "1:1: invalid character '\\x00' looking for beginning of value", "1:1: invalid character '\\x00' looking for beginning of value"},
		{"single quotes", "{'a': {}}", `1:2: invalid character '\'' looking for beginning of object key string`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := func(err error, want string) {
				t.Helper()
				if want == "" {
					return
				}
				var at *data.PositionError
				if !errors.As(err, &at) || err.Error() != want {
					t.Errorf("got %v, want %s", err, want)
				}
			}
			_, err := data.JSON[flag]([]byte(c.text))
			check(err, c.object)
			_, err = records([]byte(c.text))
			check(err, c.array)
		})
	}
}

// A colour is a value that decodes itself.
type colour string

func (c *colour) UnmarshalText(text []byte) error {
	if string(text) != "red" {
		return errors.New("there is only red")
	}
	*c = colour(text)
	return nil
}

// What a method of a value refuses is found at the entry, and keys of maps that differ in
// case are two.
func TestJSONOfOwnTypes(t *testing.T) {
	_, err := data.JSON[struct{ Paint colour }]([]byte("{\"a\": {\"paint\": \"red\"},\n\"b\": {\"paint\": \"blue\"}}"))
	if want := "2:6: there is only red"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	got, err := data.JSON[map[string]int]([]byte(`{"a": {"x": 1, "X": 2}}`))
	if diff := cmp.Diff(map[string]map[string]int{"a": {"x": 1, "X": 2}}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// A text cut short anywhere is refused, and says so at its end.
func TestTruncatedJSON(t *testing.T) {
	const whole = `{"a": {"on": true, "since": 12, "tags": ["x", "\"y"]}, "b": {}}`
	for n := range len(whole) {
		got, err := data.JSON[flag]([]byte(whole[:n]))
		if err == nil {
			t.Errorf("%q is %v", whole[:n], got)
		}
	}
}

func TestDeepJSON(t *testing.T) {
	const n = 20_000
	text := strings.Repeat(`{"a":`, n) + "{}" + strings.Repeat("}", n)
	if _, err := data.JSON[any]([]byte(text)); err == nil || !strings.Contains(err.Error(), "max depth") {
		t.Errorf("got %v", err)
	}
}

// A large object with a key twice is found out, as a small one is.
func TestManyKeysTwice(t *testing.T) {
	var text strings.Builder
	text.WriteString("{")
	for i := range 100 {
		text.WriteString(`"` + strings.Repeat("k", i+1) + `": true, `)
	}
	text.WriteString(`"kkk": false}`)
	if _, err := data.JSON[bool]([]byte(text.String())); err == nil || !strings.Contains(err.Error(), `the object has the key "kkk" already at 1:`) {
		t.Errorf("got %v", err)
	}
}
