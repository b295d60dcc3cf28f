// Tests of the program as a whole: reports, exit status, bad input, memory.

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "renew the golden reports")

// engineRun runs the program over the input.
func engineRun(t *testing.T, stdin io.Reader, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(t.Context(), silent, args, stdin, &out, &err)
	return status, out.String(), err.String()
}

// silent is where no signal comes from.
func silent() <-chan os.Signal { return nil }

// testEngine returns an engine without extensions that the test closes.
func testEngine(t testing.TB, o options) *engine {
	t.Helper()
	return placedEngine(t, o, empty)
}

// empty is the placement of nothing.
var empty = source{"empty.json", []byte("{}")}

// placedEngine returns an engine with extensions that the test closes.
func placedEngine(t testing.TB, o options, from source) *engine {
	t.Helper()
	e, err := newEngine(t.Context(), o, from, io.Discard, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// wantHas checks that the text has the parts, in this order.
func wantHas(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			t.Errorf("the text has no %q after what comes before it in the list:\n%s", part, text)
			return
		}
		rest = after
	}
}

// compareGolden compares a text with a file in testdata, or writes it there.
func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, diff)
	}
}

func TestReports(t *testing.T) {
	for _, test := range []struct {
		golden string
		args   []string
	}{
		{"self", nil},
		{"mixed", []string{filepath.Join("testdata", "mixed.log")}},
		{"placed", []string{"-quiet=0", "-config", filepath.Join("testdata", "placed.json"), filepath.Join("testdata", "mixed.log")}},
		{"mixed-flags", []string{"-quiet=4", "-top=1", "-only=retry", "-problems", filepath.Join("testdata", "mixed.log")}},
	} {
		t.Run(test.golden, func(t *testing.T) {
			status, got, stderr := engineRun(t, nil, test.args...)
			if status != 0 || stderr != "" {
				t.Errorf("exit status %d and stderr %q", status, stderr)
			}
			compareGolden(t, test.golden+".golden", filepath.ToSlash(got))
		})
	}
}

func TestExitStatus(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, test := range []struct {
		name   string
		input  io.Reader
		args   []string
		status int
		stderr string
	}{
		{"fine", strings.NewReader("a\nb\n"), []string{"-"}, 0, ""},
		{"empty", strings.NewReader(""), []string{"-"}, 0, ""},
		{"blank", strings.NewReader("\n\n \n"), []string{"-"}, 0, ""},
		{"some bad", strings.NewReader("a\n\xff\n"), []string{"-"}, 0, ""},
		{"some bad strict", strings.NewReader("a\n\xff\n"), []string{"-strict", "-"}, 1, "1 of 2 lines are bad"},
		{"all bad", strings.NewReader("\xff\n{\"\n"), []string{"-"}, 1, "2 of 2 lines are bad"},
		{"broken input", io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(broken)), []string{"-"}, 1, "the disk is gone"},
		{"no progress", stuck{}, []string{"-"}, 1, io.ErrNoProgress.Error()},
		{"no file", nil, []string{filepath.Join("testdata", "missing")}, 1, "missing"},
		{"directory", nil, []string{"testdata"}, 1, "testdata"},
		{"help", nil, []string{"-h"}, 0, "usage: engine"},
		{"unknown flag", nil, []string{"-loud"}, 2, "loud"},
		{"two files", nil, []string{"a", "b"}, 2, "2 files"},
		{"empty name", nil, []string{""}, 2, "empty"},
		{"top", nil, []string{"-top=51"}, 2, "-top is 51"},
		{"quiet", nil, []string{"-quiet=-1"}, 2, "-quiet is -1"},
		{"no placement", nil, []string{"-config", filepath.Join("testdata", "missing.json")}, 1, "missing.json"},
		{"directory as placement", nil, []string{"-config", "testdata"}, 1, "testdata"},
		{"broken placement", nil, []string{"-config", filepath.Join("testdata", "self.jsonl")}, 2, "self.jsonl:2:1: invalid character"},
		{"extensions in another form", nil, []string{"-extensions=html"}, 2, "it is text, markdown or json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, _, stderr := engineRun(t, test.input, test.args...)
			if status != test.status {
				t.Errorf("exit status is %d, want %d", status, test.status)
			}
			wantHas(t, stderr, test.stderr)
			if test.stderr == "" && stderr != "" {
				t.Errorf("stderr is %q, want nothing", stderr)
			}
		})
	}
}

// stuck is a reader that never gets anywhere.
type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestReportThatCannotBePrinted(t *testing.T) {
	var stderr bytes.Buffer
	if status := run(t.Context(), silent, nil, nil, full{}, &stderr); status != 1 {
		t.Errorf("exit status is %d, want 1", status)
	}
	wantHas(t, stderr.String(), "printing the report", "no space left")
}

// full is a writer without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestSinkThatFailsEndsTheRun(t *testing.T) {
	e, err := newEngine(t.Context(), options{problems: true}, empty, full{}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.close() }()
	ended := readLines(t.Context(), strings.NewReader("fine\npanic: out of paper\nfine again\n"), e.line, func(int64) {})
	if !errors.Is(ended, errSink) {
		t.Fatalf("the run ended with %v, want %v", ended, errSink)
	}
	wantHas(t, ended.Error(), "line 2", `provider "echo"`, "no space left")
	if e.lines != 2 {
		t.Errorf("%d lines were taken, want 2", e.lines)
	}
}

func TestBadLines(t *testing.T) {
	long := strings.Repeat("long ", 2<<20) // 10 MiB
	input := "\uFEFF{\"level\":\"info\"}\r\n" + long + "\n\xff\xfe\n" + strings.Repeat("[", 1000) + "\n" +
		strings.Repeat("x", maxLine) + "\n" + strings.Repeat("y", maxLine+1) + "\n\n" + strings.Repeat(`{"`+"\n", 12) + long
	for _, split := range []struct {
		name string
		of   func(io.Reader) io.Reader
	}{
		{"whole", func(r io.Reader) io.Reader { return r }},
		{"halves", iotest.HalfReader},
		{"data with the end", iotest.DataErrReader},
	} {
		t.Run(split.name, func(t *testing.T) {
			status, got, _ := engineRun(t, split.of(strings.NewReader(input)), "-")
			if status != 0 {
				t.Errorf("exit status is %d, want 0", status)
			}
			wantHas(t, got,
				"20 lines, 23.1 MB", "1  object", "2  text", "1  (blank)", "16  (bad)",
				"line 2  the line is longer than 1 MiB", "line 3  the line is not UTF-8", "line 6  the line is longer than 1 MiB",
				"line 8  object of parsers: the line begins as a JSON object and is not a valid one", "line 14  object", "(6 more)")
		})
	}
}

func TestSplitter(t *testing.T) {
	input := "a\r\nbc\n\nlast"
	want := []string{"1 a", "2 bc", "3 ", "4 last"}
	for size := range len(input) {
		var got []string
		s := splitter{each: func(number int, line []byte, fault error) error {
			got = append(got, fmt.Sprintf("%d %s", number, line))
			return fault
		}}
		for rest := input; rest != ""; {
			n := min(size+1, len(rest))
			if err := s.feed([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := s.end(true); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in chunks of %d, lines differ (-want +got):\n%s", size+1, diff)
		}
	}
}

func TestInputThatFailsInTheMiddle(t *testing.T) {
	input := io.MultiReader(strings.NewReader("one\ntwo\nthr"), iotest.ErrReader(errors.New("the disk is gone")))
	status, got, stderr := engineRun(t, input, "-")
	if status != 1 {
		t.Errorf("exit status is %d, want 1", status)
	}
	wantHas(t, stderr, "reading the input after 11 bytes: the disk is gone")
	wantHas(t, got, "3 lines, 11 B", "not read to its end: reading the input after 11 bytes: the disk is gone",
		"2  text", "line 3  the line is cut off", "2 events, 2 kept")
}

// An interrupted reader hands out its lines, then ends the context and blocks.
type interrupted struct {
	lines   io.Reader
	cancel  context.CancelFunc
	release chan struct{}
}

func (i interrupted) Read(p []byte) (int, error) {
	if n, err := i.lines.Read(p); err == nil {
		return n, nil
	}
	i.cancel()
	<-i.release
	return 0, io.EOF
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	in := interrupted{strings.NewReader("one\ntwo\nthr"), cancel, make(chan struct{})}
	defer close(in.release)
	var stdout, stderr bytes.Buffer
	if status := run(ctx, silent, []string{"-"}, in, &stdout, &stderr); status != 130 {
		t.Errorf("exit status is %d, want 130", status)
	}
	wantHas(t, stdout.String(), "2 lines, 11 B", "not read to its end: interrupted", "2  text")
	wantHas(t, stderr.String(), "engine: interrupted, the report covers what was read so far\n")
}

// A generator makes lines of all formats, with more and more different keys.
type generator struct {
	line, lines int
	rest, buf   []byte
}

func (g *generator) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(g.rest) == 0 {
			if g.line == g.lines {
				return n, io.EOF
			}
			g.next()
		}
		k := copy(p[n:], g.rest)
		g.rest = g.rest[k:]
		n += k
	}
	return n, nil
}

func (g *generator) next() {
	i, b := g.line, g.buf[:0]
	switch g.line++; i % 16 {
	case 0:
		b = fmt.Appendf(b, "192.0.2.1 - - [02/Jan/2024:03:04:05 +0000] \"GET /orders/%d HTTP/1.1\" 200 512\n", i)
	case 1:
		b = fmt.Appendf(b, "2024-01-02 03:04:05 install package-%d <none> 1.0\n", i)
	case 2:
		b = fmt.Appendf(b, "{\"field%d\":{\"a\":[1,2]},\"level\":\"error\",\"msg\":\"%x\"}\n", i, i)
	case 3:
		b = fmt.Appendf(b, "{\"Action\":\"fail\",\"Package\":\"example.org/p%d\",\"Test\":\"Test%d\",\"Elapsed\":%d}\n", i, i, i)
	case 4:
		b = append(b, "\xff\n"...)
	case 5, 6:
		b = fmt.Appendf(b, "failed %x\n", i)
	default:
		b = append(b, "2024-01-02 03:04:05 status installed curl 8\n"...)
	}
	g.buf, g.rest = b, b
}

// memoryLines is how many lines go through the engine in constant memory.
var memoryLines = 1_000_000

func TestConstantMemory(t *testing.T) {
	for _, from := range []source{empty, {"engine.json", builtin}} {
		t.Run(strings.TrimSuffix(from.name, ".json"), func(t *testing.T) { constantMemory(t, placedEngine(t, options{quiet: 100}, from)) })
	}
}

func constantMemory(t *testing.T, e *engine) {
	lines := memoryLines
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most, next := live(), uint64(0), 0
	err := readLines(t.Context(), &generator{lines: lines}, e.line, func(int64) {
		if e.lines >= next {
			next += lines / 8
			most = max(most, live())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	most = max(most, live())
	if e.lines != lines || e.bad != lines/16 {
		t.Errorf("%d lines and %d bad ones, want %d and %d", e.lines, e.bad, lines, lines/16)
	}
	// Six tables of 4096 keys, two chunks, and the longest line.
	if grown := int64(most) - int64(before); grown > 8<<20 {
		t.Errorf("the live heap grew by %s over %d lines", size(grown), lines)
	}
	wantHas(t, text(t, e.result("lines", nil)), "(more than ", "/orders/0", "in all")
}

// A countingWriter counts writes.
type countingWriter struct {
	bytes.Buffer
	writes int
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.writes++
	return w.Buffer.Write(p)
}

func TestProgress(t *testing.T) {
	var w countingWriter
	p := &progress{w: &w}
	start := p.next.Add(interval)
	for i := range 1000 {
		p.show(start.Add(interval/100*time.Duration(i)), i, int64(i)*1000, 3)
	}
	if w.writes != 10 {
		t.Errorf("progress was shown %d times in ten intervals", w.writes)
	}
	p.clear()
	wantHas(t, w.String(), "\r\x1b[K0 lines, 0 B, 3 bad", "\r\x1b[K900 lines, 900.0 kB, 3 bad\r\x1b[K")

	none := newProgress(&w)
	none.show(start, 1, 1, 1)
	none.clear()
	if none.w != nil {
		t.Error("progress is shown to what is no terminal")
	}
}

// TestTerminalIsSafe checks that what the input says cannot move the cursor.
func TestTerminalIsSafe(t *testing.T) {
	input := "\x1b[2J error\x07\n{\"\\u001b[2J\":1}\n2024-01-02 03:04:05 install \x1b[2J <none> 1\n"
	for _, args := range [][]string{{"-"}, {"-problems", "-"}} {
		_, got, _ := engineRun(t, strings.NewReader(input), args...)
		if strings.ContainsAny(got, "\x1b\x07") {
			t.Errorf("the report holds control characters: %q", got)
		}
		wantHas(t, got, "·[2J error·")
	}
}

func TestProfile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "engine.pgo")
	if status, _, stderr := engineRun(t, nil, "-cpuprofile", file); status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	profile, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(profile, []byte{0x1f, 0x8b}) { // a profile is packed by gzip
		t.Errorf("the profile begins with %x", profile[:min(len(profile), 8)])
	}
	missing := filepath.Join(file, "engine.pgo")
	status, _, stderr := engineRun(t, nil, "-cpuprofile", missing)
	if status != 1 || !strings.Contains(stderr, missing) {
		t.Errorf("status %d where the profile cannot be written: %s", status, stderr)
	}
}
