// Tests of the formats.

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

var parsers = map[string]Parser{"test2json": parseTest, "access": parseAccess, "dpkg": parseDpkg, "object": parseObject, "text": parseText}

func TestParsers(t *testing.T) {
	for _, test := range []struct {
		parser, line string
		want         Event // without Text
	}{
		{"test2json", `{"Time":"2024-01-02T03:04:05Z","Action":"pass","Package":"example.org/x","Test":"TestA/b\"c","Elapsed":1.5}`,
			Event{Kind: KindTest, Stamp: "2024-01-02T03:04:05Z", Action: "pass", Subject: "example.org/x", Detail: `TestA/b"c`, Elapsed: 1500 * time.Millisecond}},
		{"test2json", `{"Action":"output","Package":"x","Output":"{\"Action\":\"fail\"}\n"}`, Event{Kind: KindTest, Action: "output", Subject: "x", Routine: true}},
		{"test2json", `{"ImportPath":"x","Action":"build-fail"}`, Event{Kind: KindTest, Action: "build-fail", Subject: "x"}},
		{"access", `192.0.2.1 - ann [02/Jan/2024:03:04:05 +0000] "GET /a?b=c HTTP/1.1" 304 -`,
			Event{Kind: KindRequest, Stamp: "02/Jan/2024:03:04:05 +0000", Action: "GET", Subject: "/a", Status: 304}},
		{"access", `2001:db8::1 - - [s] "GET /\"x\" HTTP/1.1" 200 12 "a \" b" ""`,
			Event{Kind: KindRequest, Stamp: "s", Action: "GET", Subject: `/\"x\"`, Status: 200, Bytes: 12}},
		{"access", `h - - [s] "" 400 0`, Event{Kind: KindRequest, Stamp: "s", Action: "-", Subject: "-", Status: 400}},
		{"dpkg", "2024-01-02 03:04:05 upgrade curl:amd64 1 2", Event{Kind: KindPackage, Stamp: "2024-01-02 03:04:05", Action: "upgrade", Subject: "curl:amd64"}},
		{"dpkg", "2024-01-02 03:04:05 status installed curl:amd64 2",
			Event{Kind: KindPackage, Stamp: "2024-01-02 03:04:05", Action: "status", Subject: "curl:amd64", Detail: "installed", Routine: true}},
		{"dpkg", "2024-01-02 03:04:05 startup packages configure",
			Event{Kind: KindPackage, Stamp: "2024-01-02 03:04:05", Action: "startup", Detail: "packages", Routine: true}},
		{"object", ` {"a":{"level":"no"},"level":"DEBUG","msg":"\u00fc","ts":1}`, Event{Kind: KindObject, Action: "DEBUG", Subject: "ü", Routine: true}},
		{"object", `{}`, Event{Kind: KindObject}},
		{"text", "{main} started", Event{Kind: KindText, Subject: "{main} started"}},
	} {
		t.Run(test.parser, func(t *testing.T) {
			d, err := parsers[test.parser](test.line)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := d.Get()
			if !ok {
				t.Fatalf("no decision about %s", test.line)
			}
			test.want.Text = test.line
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("event of %s differs (-want +got):\n%s", test.line, diff)
			}
		})
	}
}

func TestParsersLeaveOthersAlone(t *testing.T) {
	for parser, lines := range map[string][]string{
		"test2json": {
			"", "{", `{"Action":"pass"}`, `{"Action":"jump","Package":"x"}`, `{"Action":1,"Package":"x"}`, `{"Action":"pass","Package":"x"`,
			`{"Action":"pass","Package":"x","Elapsed":"1"}`, `{"Action":"pass","Package":"x","Elapsed":-1}`, `{"Action":"pass","Package":"x","Elapsed":1e999}`,
		},
		"access": {
			"", `h - [s] "GET / HTTP/1.1" 200 1`, `h - - [s "GET / HTTP/1.1" 200 1`, `h - - [s] "GET / HTTP/1.1 200 1`, `h - - [s] "GET / HTTP/1.1" 600 1`,
			`h - - [s] "GET / HTTP/1.1" 2000 1`, `h - - [s] "GET / HTTP/1.1" +20 1`, `h - - [s] "GET / HTTP/1.1" 200 -1`, `h - - [s] "GET / HTTP/1.1" 200`,
			`h - - [s] "GET / HTTP/1.1" 200 1 "-"`, `h - - [s] "GET / HTTP/1.1" 200 1 "-" "-" 3`, `h - - [s] "GET / HTTP/1.1" 200 9223372036854775808`,
		},
		"dpkg": {
			"", "2024-01-02 03:04:05", "2024-01-02 03:04:05 ", "2024-01-02 03:04:05 install", "2024-01-02 03:04:05 install curl", "2024-01-02 03:04:05 install curl 1",
			"2024-01-02 03:04:05 install curl 1 2 3", "2024-01-02 03:04:05 explode curl 1 2", "2024-01-02T03:04:05 install curl 1 2", "2024-01-02 03:04:05 startup a b c",
			"2024-01-02 03:04:05 install curl 1 ", "2024-01-02 03:04:05 status installed curl",
		},
		"object": {"", "[1]", "{main}", "null", "{ x"},
	} {
		for _, line := range lines {
			d, err := parsers[parser](line)
			if e, ok := d.Get(); ok || err != nil {
				t.Errorf("%s decides %q: %+v, %v", parser, line, e, err)
			}
		}
	}
}

func TestObjectsThatAreBroken(t *testing.T) {
	for _, line := range []string{"{", `{"`, `{"a":1`, `{"a":1}}`, `{"a":1} x`, "{ \"a\" 1}", "{}x", strings.Repeat(`{"a":`, 20_000)} {
		if _, err := parseObject(line); err != errJSON {
			t.Errorf("the error about %.20s is %v, want %v", line, err, errJSON)
		}
	}
}

// TestParsersAllocateTheEvent and nothing else, for lines without escapes. One
// more is allowed for the pool of encoding/json, which drops what it holds at
// times.
func TestParsersAllocateTheEvent(t *testing.T) {
	for parser, line := range map[string]string{
		"test2json": `{"Time":"2024-01-02T03:04:05Z","Action":"pass","Package":"example.org/x","Test":"TestA","Elapsed":1.5}`,
		"access":    `192.0.2.1 - - [02/Jan/2024:03:04:05 +0000] "GET / HTTP/1.1" 200 1 "-" "-"`,
		"dpkg":      "2024-01-02 03:04:05 upgrade curl:amd64 1 2",
		"object":    `{"time":"2024-01-02T03:04:05Z","level":"info","msg":"fine","n":{"a":[1]}}`,
		"text":      "any text",
	} {
		parse := parsers[parser]
		var d capability.Decision[*Event]
		if n := testing.AllocsPerRun(100, func() { d, _ = parse(line) }); n > 2 || n > 1 && line[0] != '{' {
			t.Errorf("%s allocates %v times for a line", parser, n)
		}
		if _, ok := d.Get(); !ok {
			t.Errorf("%s does not decide its line", parser)
		}
	}
}

func TestGuess(t *testing.T) {
	for line, want := range map[string]Severity{
		"": Info, "all is well": Info, "ERROR: no": Error, "it Failed.": Error, "warning, then panic": Error, "errors 0": Info, "a warning": Warning, "mirror": Info,
		strings.Repeat("x", 300) + " error": Info,
	} {
		got, err := guess(&Event{Kind: KindText, Subject: line})
		if err != nil || got.Severity != want {
			t.Errorf("severity of %.30q is %v (%v), want %v", line, got.Severity, err, want)
		}
	}
	got, _ := guess(&Event{Kind: KindObject, Action: "info", Subject: "no error"})
	if got.Severity != Info {
		t.Errorf("severity of a line of level info is %v", got.Severity)
	}
}

func TestTally(t *testing.T) {
	tally := newTally("paths", func(e *Event) string { return e.Subject })
	for i := range maxKeys + 10 {
		for range 1 + 2*(i%2) {
			tally.Take(&Event{Subject: fmt.Sprintf("/%05d", i)})
		}
	}
	want := Section{"paths", []Row{{"3", "/00001"}, {"3", "/00003"}, {"8206", "(more than 4094 others)"}, {"8212", "in all"}}}
	if diff := cmp.Diff(want, tally.Report(2)); diff != "" {
		t.Errorf("section differs (-want +got):\n%s", diff)
	}
}

func TestSlowest(t *testing.T) {
	s := new(slowest)
	for i := range 3 * maxRows {
		s.Take(&Event{Action: "pass", Subject: "x", Detail: fmt.Sprint("Test", i), Elapsed: time.Duration(1+i*7%100) * time.Second})
	}
	want := []Row{{"100.00s", "x Test57"}, {"99.00s", "x Test14"}, {"99.00s", "x Test114"}}
	if diff := cmp.Diff(want, s.Report(3).Rows); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
	if len(s.top) != maxRows {
		t.Errorf("%d tests are kept, want %d", len(s.top), maxRows)
	}
}

// FuzzLine gives the whole engine any line, and checks the walk over JSON
// objects against encoding/json.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"a":1,"b":[{"c":"}\""}],"a":"x"}`, `{"\u0061" : "\\" , "b" : null }`, "\xff", "h - - [s] \"", "2024-01-02 03:04:05 status a b c"} {
		f.Add(seed)
	}
	e := testEngine(f, options{quiet: 1})
	number := 0
	f.Fuzz(func(t *testing.T, line string) {
		number++
		if err := e.line(number, []byte(line), nil); err != nil {
			t.Fatal(err)
		}
		var want map[string]json.RawMessage
		if !utf8.ValidString(line) || json.Unmarshal([]byte(line), &want) != nil || want == nil {
			return // no parser is asked about the first, and the others are no objects
		}
		got := make(map[string]json.RawMessage)
		for o := firstLevel(line); o.next(); {
			got[o.name()] = json.RawMessage(o.value)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("fields of %q differ (-want +got):\n%s", line, diff)
		}
	})
}
