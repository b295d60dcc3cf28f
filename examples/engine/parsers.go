// Parsers: one function for each format. They are strict, so that a line of
// another format is left to the others, and cut the line without copying it.

package main

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/typedcap/capability"
)

// undecided leaves the line to the next parser.
func undecided() (d capability.Decision[*Event], err error) { return }

// parseText takes any line. It is bound at a level broader than the engine, and
// so is asked last.
func parseText(text string) (capability.Decision[*Event], error) {
	return capability.Decided(&Event{Kind: KindText, Text: text, Subject: text}), nil
}

var errJSON = errors.New("the line begins as a JSON object and is not a valid one")

// parseObject takes a JSON object of any shape. It finds level, message and
// time under the names that are usual in logs.
func parseObject(text string) (capability.Decision[*Event], error) {
	inner, ok := strings.CutPrefix(strings.TrimLeft(text, " \t"), "{")
	if !ok {
		return undecided()
	}
	if !json.Valid([]byte(text)) {
		if inner = strings.TrimLeft(inner, " \t"); inner == "" || inner[0] == '"' || inner[0] == '}' {
			return capability.Decision[*Event]{}, errJSON
		}
		return undecided() // as in "{main} started"
	}
	e := &Event{Kind: KindObject, Text: text}
	for fields := firstLevel(text); fields.next(); {
		switch fields.name() {
		case "level", "lvl", "severity":
			e.Action, _ = fields.text()
		case "msg", "message":
			e.Subject, _ = fields.text()
		case "time", "ts", "timestamp", "@timestamp":
			e.Stamp, _ = fields.text()
		}
	}
	e.Routine = strings.EqualFold(e.Action, "debug") || strings.EqualFold(e.Action, "trace")
	return capability.Decided(e), nil
}

// parseTest takes an event of go test -json.
func parseTest(text string) (capability.Decision[*Event], error) {
	if !strings.HasPrefix(text, "{") || !strings.Contains(text, `"Action":`) || !json.Valid([]byte(text)) {
		return undecided()
	}
	e := &Event{Kind: KindTest, Text: text}
	seconds, ok := 0.0, true
	for fields := firstLevel(text); fields.next() && ok; {
		switch fields.name() {
		case "Action":
			e.Action, ok = fields.text()
		case "Package", "ImportPath":
			e.Subject, ok = fields.text()
		case "Test":
			e.Detail, ok = fields.text()
		case "Time":
			e.Stamp, ok = fields.text()
		case "Elapsed":
			var err error
			seconds, err = strconv.ParseFloat(fields.value, 64)
			ok = err == nil && seconds >= 0 && seconds < 1e9
		}
	}
	if !ok || e.Subject == "" {
		return undecided()
	}
	e.Elapsed = time.Duration(seconds * float64(time.Second))
	switch e.Action {
	case "pass", "fail", "skip", "bench", "build-fail":
	case "start", "run", "pause", "cont", "output", "attr", "artifacts", "build-output":
		e.Routine = true
	default:
		return undecided()
	}
	return capability.Decided(e), nil
}

// parseAccess takes a line of a web server's access log, common or combined:
//
//	192.0.2.1 - ann [02/Jan/2024:03:04:05 +0000] "GET /orders?id=1 HTTP/1.1" 200 512 "https://example.org/" "curl/8"
func parseAccess(text string) (capability.Decision[*Event], error) {
	head, rest, ok := strings.Cut(text, " [")
	if !ok || strings.Count(head, " ") < 2 {
		return undecided()
	}
	stamp, rest, ok := strings.Cut(rest, "] ")
	if !ok {
		return undecided()
	}
	request, rest, ok := cutQuoted(rest)
	if !ok || len(rest) < 5 || rest[0] != ' ' || rest[4] != ' ' {
		return undecided()
	}
	status, err := strconv.Atoi(rest[1:4])
	if err != nil || status < 100 || status > 599 {
		return undecided()
	}
	size, rest, combined := strings.Cut(rest[5:], " ")
	sent := uint64(0)
	if size != "-" {
		if sent, err = strconv.ParseUint(size, 10, 63); err != nil {
			return undecided()
		}
	}
	if combined {
		_, rest, ok = cutQuoted(rest)
		if !ok || !strings.HasPrefix(rest, " ") {
			return undecided()
		}
		if _, rest, ok = cutQuoted(rest[1:]); !ok || rest != "" {
			return undecided()
		}
	}
	method, path, ok := strings.Cut(request, " ")
	if !ok { // a request that the server could not read
		method, path = "-", "-"
	}
	path, _, _ = strings.Cut(path, " ")
	path, _, _ = strings.Cut(path, "?")
	return capability.Decided(&Event{
		Kind: KindRequest, Text: text, Stamp: stamp, Action: method, Subject: path, Status: status, Bytes: int64(sent),
	}), nil
}

// cutQuoted cuts a quoted string off the beginning. A backslash quotes a byte.
func cutQuoted(s string) (quoted, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[1:i], s[i+1:], true
		}
	}
	return "", s, false
}

// parseDpkg takes a line of the log of dpkg:
//
//	2024-01-02 03:04:05 install curl:amd64 <none> 8.5.0-2
func parseDpkg(text string) (capability.Decision[*Event], error) {
	const stamp = "2006-01-02 15:04:05"
	if len(text) <= len(stamp) || text[4] != '-' || text[7] != '-' || text[10] != ' ' || text[13] != ':' || text[16] != ':' || text[len(stamp)] != ' ' {
		return undecided()
	}
	e := &Event{Kind: KindPackage, Text: text, Stamp: text[:len(stamp)]}
	var first, second, third string
	var more, two bool
	e.Action, first, _ = strings.Cut(text[len(stamp)+1:], " ")
	first, second, two = strings.Cut(first, " ")
	second, third, more = strings.Cut(second, " ")
	if !two || first == "" || second == "" || strings.Contains(third, " ") || more && third == "" {
		return undecided()
	}
	switch e.Action {
	case "install", "upgrade", "remove", "purge", "configure", "trigproc":
		e.Subject = first
		if !more {
			return undecided()
		}
	case "status":
		e.Detail, e.Subject, e.Routine = first, second, true
		if !more {
			return undecided()
		}
	case "startup", "conffile":
		e.Detail, e.Routine = first, true
		if more {
			return undecided()
		}
	default:
		return undecided()
	}
	return capability.Decided(e), nil
}
