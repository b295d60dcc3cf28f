// Tests of what SIGHUP does, seen from outside: lines flow while it is sent.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A session is the program over an input that does not end before the test says so.
type session struct {
	t        *testing.T
	file     string // of the placement
	hup      chan os.Signal
	messages mailbox       // what it writes to stderr
	taken    chan struct{} // a part of the input was taken
	end      chan struct{}
	status   chan int
	stdout   bytes.Buffer
}

// A mailbox is a writer that hands on what is written.
type mailbox chan string

func (m mailbox) Write(p []byte) (int, error) {
	m <- string(p)
	return len(p), nil
}

// An endless input is one line again and again.
type endless struct {
	line string
	*session
}

func (e endless) Read(p []byte) (n int, err error) {
	select {
	case <-e.end:
		return 0, io.EOF
	case e.taken <- struct{}{}:
	default:
	}
	for n+len(e.line) <= min(len(p), 4096) {
		n += copy(p[n:], e.line)
	}
	return n, nil
}

// start runs the program over the line again and again.
func start(t *testing.T, placement, line string) *session {
	s := &session{
		t: t, file: filepath.Join(t.TempDir(), "p.json"), hup: make(chan os.Signal), messages: make(mailbox, 100),
		taken: make(chan struct{}), end: make(chan struct{}), status: make(chan int, 1),
	}
	s.write(placement)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() {
		s.status <- run(ctx, func() <-chan os.Signal { return s.hup }, []string{"-top=50", "-quiet=0", "-config", s.file, "-"}, endless{line, s}, &s.stdout, s.messages)
	}()
	s.flow()
	return s
}

func (s *session) write(placement string) {
	s.t.Helper()
	if err := os.WriteFile(s.file, []byte(placement), 0o666); err != nil {
		s.t.Fatal(err)
	}
}

// flow waits until what is read now has gone through the engine.
func (s *session) flow() {
	for range 4 {
		select {
		case <-s.taken:
		case status := <-s.status:
			s.t.Fatalf("the program has ended with %d", status)
		}
	}
}

// reload writes the placement, sends SIGHUP, and wants these messages.
func (s *session) reload(placement string, want ...string) {
	s.t.Helper()
	s.write(placement)
	s.hup <- os.Interrupt // whatever comes
	got := ""
	for n := 0; n < len(want); {
		if m := <-s.messages; !strings.HasPrefix(m, "time=") { // the log says so too
			got += m
			n++
		}
	}
	if diff := cmp.Diff(strings.Join(want, ""), strings.ReplaceAll(got, s.file, "p.json")); diff != "" {
		s.t.Errorf("messages differ (-want +got):\n%s", diff)
	}
}

// stop ends the input and returns the report.
func (s *session) stop() string {
	s.t.Helper()
	close(s.end)
	if status := <-s.status; status != 0 {
		s.t.Errorf("exit status is %d, want 0", status)
	}
	for len(s.messages) > 0 {
		s.t.Errorf("unexpected message: %s", <-s.messages)
	}
	return s.stdout.String()
}

// versioned is a placement in which all configurations depend on n.
func versioned(n int) string {
	return fmt.Sprintf(`{
  "extensions": {
    "shipper": {"extension": "token", "config": {"subject": "engine", "secret": "s", "lifetime": "%dh"}}
  },
  "groups": {"ci": {
    "extensions": {
      "areas": {"extension": "dataset", "config": {"sources": [{"name": "built-in", "entries": {"*": "version %d"}}]}}
    },
    "pipelines": {"tests": {
      "extensions": {
        "plenty": {"extension": "ratelimit", "config": {"events": %d, "every": "1h"}}
      },
      "nodes": {
        "area": {"type": "label", "capabilities": {"lookup": "areas"}},
        "brake": {"type": "throttle", "capabilities": {"limit": "plenty"}},
        "alarm": {"type": "ship", "capabilities": {"credentials": "shipper", "health": "shipper", "limit": "plenty"}}
      }
    }}
  }}
}`, n, n, n*1_000_000_000)
}

const failure = `{"Action":"fail","Package":"example.org/x","Test":"TestA","Elapsed":1}` + "\n"

// runs returns how many instances of each extension run, as the stacks say.
func runs() (all [3]int) {
	stacks := make([]byte, 1<<20)
	text := string(stacks[:runtime.Stack(stacks, true)])
	for i, of := range []string{"renewal", "feeding", "reset"} {
		all[i] = strings.Count(text, "engine.(*"+of+").Run(")
	}
	return all
}

// TestReplaceUnderLoad replaces all instances again and again while lines flow. No line
// fails or is missed, each version serves, and those before have stopped.
func TestReplaceUnderLoad(t *testing.T) {
	s := start(t, versioned(1), failure)
	const versions = 20
	for n := 2; n <= versions; n++ {
		s.reload(versioned(n),
			"engine: instance \"shipper\" was replaced\n",
			"engine: instance \"areas\" was replaced\n",
			"engine: instance \"plenty\" was replaced\n",
		)
		if got := runs(); got != [3]int{1, 1, 1} {
			t.Errorf("version %d: %v instances of token, dataset and ratelimit run, want one of each", n, got)
		}
		s.flow()
	}
	report := s.stop()
	if got := runs(); got != [3]int{} {
		t.Errorf("%v instances of token, dataset and ratelimit run after the end, want none", got)
	}
	lines := regexp.MustCompile(`standard input: (\d+) lines`).FindStringSubmatch(report)
	if lines == nil || strings.Contains(report, "(bad)") {
		t.Fatalf("the report counts no lines, or bad ones:\n%s", report)
	}
	_, labels, _ := strings.Cut(report, "events by label\n")
	for n := 1; n <= versions; n++ {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^ +[1-9]\d*  version %d$`, n)).MatchString(labels) {
			t.Errorf("version %d has labelled no event:\n%s", n, report)
		}
	}
	wantHas(t, labels, lines[1]+"  in all\n", "problems shipped\n    "+lines[1]+"  signed\n")
}

func TestReloadIsRefused(t *testing.T) {
	s := start(t, versioned(1), failure)
	_, missing := os.Stat("missing.json")
	refused := "engine: p.json is not followed, what runs goes on:\n"
	s.reload(versioned(1), "engine: p.json says nothing new\n")
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(versioned(1)), "", "\t"); err != nil {
		t.Fatal(err)
	}
	s.reload(indented.String(), "engine: p.json says nothing new\n")
	const remedy = "only configurations of instances change in a running engine: start it again\n"
	for _, test := range []struct{ old, new, want string }{
		{`"plenty": {"ext`, `"more": {"extension": "ratelimit", "config": {"events": 1, "every": "1h"}}, "plenty": {"ext`,
			"p.json:11:9: instance \"more\" is new: " + remedy},
		{`"dataset", "config": {"sources": [{"name": "built-in", "entries": {"*": "version 2"}}]}`, `"ratelimit", "config": {"events": 1, "every": "1h"}`,
			"p.json:14:62: instance \"areas\" of \"ratelimit\" exports no \"lookup\": there are none\n"},
		{`"limit": "plenty"}},
        "alarm"`, `"limit": "few"}},
        "alarm"`, "p.json:15:65: there is no instance \"few\": known are \"plenty\"\n"},
		{`"brake": {"type"`, `"stop": {"type"`,
			"p.json:15:9: node \"stop\" of pipeline \"tests\" is new: " + remedy + "p.json:1:1: node \"brake\" of pipeline \"tests\" is missing: " + remedy},
		{`{"credentials": "shipper", "health": "shipper", "limit": "plenty"}`, `{"credentials": "shipper", "health": "shipper", "limit": "plenty"}, "config": {"file": "f"}`,
			"p.json:16:9: node \"alarm\" of pipeline \"tests\" is another: " + remedy},
		{`"lifetime": "2h"`, `"lifetime": "2"`, "p.json:3:98: \"2\" is no time: write it as in \"1m30s\"\n"},
		{`"entries": {"*": "version 2"}`, `"file": "missing.json"`, "p.json:7:7: instance \"areas\" of \"dataset\": Run failed: capability \"label-sources\", provider \"built-in\", scope \"areas\": " + missing.Error() + "\n"},
	} {
		before := strings.Replace(versioned(2), test.old, test.new, 1)
		if strings.Contains(test.want, "missing.json") {
			before = strings.Replace(versioned(1), "\"entries\": {\"*\": \"version 1\"}", test.new, 1)
		}
		s.reload(before, refused+test.want)
	}
	s.reload("{", refused+"p.json:1:2: unexpected end of JSON input\n")
	if err := os.Remove(s.file); err != nil {
		t.Fatal(err)
	}
	s.hup <- os.Interrupt
	wantHas(t, <-s.messages, "is not followed", "open ", "p.json")
	s.flow()
	if got := runs(); got != [3]int{1, 1, 1} {
		t.Errorf("%v instances of token, dataset and ratelimit run, want one of each", got)
	}
	report := s.stop()
	if strings.Contains(report, "(bad)") || strings.Contains(report, "version 2") {
		t.Errorf("something was replaced, or lines have failed:\n%s", report)
	}
}

// TestReloadOfPlaces checks that nobody changes place or kind while the engine runs.
func TestReloadOfPlaces(t *testing.T) {
	with := func(spare string) string {
		return strings.Replace(versioned(1), `"shipper":`, `"spare": {"extension": `+spare+`}, "shipper":`, 1)
	}
	limit := `"ratelimit", "config": {"events": 1, "every": "1h"}`
	s := start(t, with(limit), failure)
	wantHas(t, <-s.messages, `warning`, `"spare" of "ratelimit" is used by no node`)
	const remedy = ": only configurations of instances change in a running engine: start it again\n"
	s.reload(with(`"token", "config": {"subject": "s", "secret": "s", "lifetime": "1h"}`),
		"engine: p.json is not followed, what runs goes on:\np.json:3:5: instance \"spare\" is of \"token\" and was of \"ratelimit\""+remedy)
	moved := strings.Replace(versioned(1), `"plenty":`, `"spare": {"extension": `+limit+`}, "plenty":`, 1)
	s.reload(moved,
		"engine: p.json is not followed, what runs goes on:\np.json:11:9: instance \"spare\" is placed at pipeline \"tests\" and was at the engine"+remedy)
	s.reload(versioned(1),
		"engine: p.json is not followed, what runs goes on:\np.json:1:1: instance \"spare\" is missing"+remedy)
	s.stop()
}
