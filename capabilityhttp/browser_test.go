// The page in a real browser, of the width of a phone: Chromium, driven over its
// DevTools protocol on two pipes.

package capabilityhttp_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/typedcap/capability"
)

// A browser shows one page.
type browser struct {
	t       *testing.T
	ctx     context.Context
	to      *os.File
	from    <-chan message
	session string
	last    int       // id of a call
	events  []message // that came while an answer was awaited
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// launch starts the browser and ends it with the test.
func launch(t *testing.T, binary string) *browser {
	profile, err := os.MkdirTemp("", "profile")
	must(t, err)
	theirRead, ourWrite, err := os.Pipe()
	must(t, err)
	ourRead, theirWrite, err := os.Pipe()
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	cmd := exec.CommandContext(ctx, binary, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--remote-debugging-pipe", "--user-data-dir="+profile, "about:blank")
	cmd.ExtraFiles = []*os.File{theirRead, theirWrite} // 3 and 4
	var said bytes.Buffer
	cmd.Stderr = &said
	must(t, cmd.Start())
	must(t, errors.Join(theirRead.Close(), theirWrite.Close()))
	messages := make(chan message)
	go func() {
		defer close(messages)
		for r := bufio.NewReader(ourRead); ; {
			text, err := r.ReadBytes(0)
			if err != nil {
				return
			}
			var m message
			if err := json.Unmarshal(text[:len(text)-1], &m); err != nil {
				t.Errorf("the browser said %q: %v", text, err)
			}
			select {
			case messages <- m:
			case <-ctx.Done():
				return
			}
		}
	}()
	b := &browser{t: t, ctx: ctx, to: ourWrite, from: messages}
	t.Cleanup(func() {
		if ctx.Err() == nil {
			b.session = ""
			b.call("Browser.close", nil, nil)
		}
		if err := cmd.Wait(); err != nil {
			t.Logf("the browser ended: %v\n%s", err, said.String())
		}
		cancel()
		for range messages {
		}
		_ = errors.Join(ourWrite.Close(), ourRead.Close(), os.RemoveAll(profile))
	})

	var targets struct {
		TargetInfos []struct{ TargetID, Type string }
	}
	b.call("Target.getTargets", nil, &targets)
	var attached struct{ SessionID string }
	for _, target := range targets.TargetInfos {
		if target.Type == "page" {
			b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
		}
	}
	if b.session = attached.SessionID; b.session == "" {
		t.Fatalf("the browser has no page: %+v", targets)
	}
	b.call("Page.enable", nil, nil)
	b.call("Log.enable", nil, nil)
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true}, nil)
	return b
}

// call calls a method of the browser and decodes what it returns.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	b.last++
	call := map[string]any{"id": b.last, "method": method}
	if params != nil {
		call["params"] = params
	}
	if b.session != "" {
		call["sessionId"] = b.session
	}
	text, err := json.Marshal(call)
	must(b.t, err)
	_, err = b.to.Write(append(text, 0))
	must(b.t, err)
	for {
		m := b.receive("the answer to " + method)
		switch {
		case m.ID != b.last:
			b.events = append(b.events, m)
		case m.Error != nil:
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		default:
			if result != nil {
				must(b.t, json.Unmarshal(m.Result, result))
			}
			return
		}
	}
}

func (b *browser) receive(what string) message {
	b.t.Helper()
	select {
	case m, ok := <-b.from:
		if !ok {
			b.t.Fatalf("the browser ended before %s", what)
		}
		if m.Method == "Log.entryAdded" && !bytes.Contains(m.Params, []byte(`"source":"network"`)) { // as a page with status 404 is
			b.t.Errorf("the browser complains: %s", m.Params)
		}
		return m
	case <-b.ctx.Done():
		b.t.Fatalf("the browser did not send %s", what)
	}
	return message{}
}

// loads does what leads to another page, and waits until that is there. No page may be
// wider than the window.
func (b *browser) loads(do func()) {
	b.t.Helper()
	b.events = nil
	do()
	for loaded := false; !loaded; {
		if len(b.events) == 0 {
			b.events = append(b.events, b.receive("the next page"))
		}
		loaded = b.events[0].Method == "Page.loadEventFired"
		b.events = b.events[1:]
	}
	if wide := b.number("document.documentElement.scrollWidth"); wide > 390 {
		b.t.Fatalf("%s is %d pixels wide, want 390 at most", b.text("document.title"), wide)
	}
	if rules := b.number("document.styleSheets[0].cssRules.length"); rules == 0 {
		b.t.Errorf("%s has no style", b.text("document.title"))
	}
}

func (b *browser) evaluate(expression string, value any) {
	b.t.Helper()
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &got)
	if got.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, got.ExceptionDetails)
	}
	must(b.t, json.Unmarshal(got.Result.Value, value))
}

func (b *browser) text(expression string) (text string) {
	b.t.Helper()
	b.evaluate(expression, &text)
	return text
}

func (b *browser) number(expression string) (n int) {
	b.t.Helper()
	b.evaluate(expression, &n)
	return n
}

// click clicks with the mouse in the middle of the first of the elements that a selector
// names whose text begins so.
func (b *browser) click(selector, text string) {
	b.t.Helper()
	var at []float64
	b.evaluate(fmt.Sprintf(`(() => {
		const e = [...document.querySelectorAll(%q)].find(e => e.innerText.startsWith(%q));
		if (!e) throw "it is not there";
		e.scrollIntoView({block: "center"});
		const r = e.getClientRects()[0];
		return [r.x + r.width/2, r.y + r.height/2];
	})()`, selector, text), &at)
	for _, what := range []string{"mousePressed", "mouseReleased"} {
		b.call("Input.dispatchMouseEvent", map[string]any{"type": what, "x": at[0], "y": at[1], "button": "left", "clickCount": 1}, nil)
	}
}

// picture writes what is seen to a file of the test, which is gone with it.
func (b *browser) picture(name string) {
	b.t.Helper()
	var shot struct{ Data []byte }
	b.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
	if !bytes.HasPrefix(shot.Data, []byte("\x89PNG")) {
		b.t.Errorf("%s is no picture", name)
	}
	must(b.t, os.WriteFile(filepath.Join(b.t.TempDir(), name+".png"), shot.Data, 0o644))
}

// One looks for a pipeline, follows the links to who answers there, and sees another
// provider after a commit.
func TestBrowser(t *testing.T) {
	binary := os.Getenv("CAPABILITY_CHROMIUM")
	if binary == "" {
		t.Skip("CAPABILITY_CHROMIUM does not say where Chromium is")
	}
	page := many(t, 300)
	engine := capability.NewRegistry(capability.Engine, "engine")
	long := strings.Repeat("a-name-without-end-", 10)
	own := capability.NewRegistry(capability.Pipeline, long)
	must(t, engine.Apply(auth.Bind("jwt", anybody), auth.Bind(long, anybody).After("jwt")))
	scope := compose(t, own, engine)
	small := world(t)
	page.Extensions, page.Sources, page.Catalogue = small.Extensions, small.Sources, small.Catalogue
	others := page.Scopes
	page.Scopes = func(yield func(string, *capability.Scope) bool) {
		if yield("<i>checkout</i>", scope) && yield(long, scope) {
			others(yield)
		}
	}
	server := httptest.NewServer(page)
	defer server.Close()
	b := launch(t, binary)

	b.loads(func() { b.call("Page.navigate", map[string]any{"url": server.URL + "/debug/capability"}, nil) })
	if got := b.text("document.querySelector('main').innerText"); !strings.Contains(got, "302 scopes. Shown are 1 to 100.") {
		t.Errorf("the overview shows %s", got)
	}
	b.picture("overview")
	b.loads(func() { b.click("a", "after") })
	if got := b.text("document.querySelector('main').innerText"); !strings.Contains(got, "Shown are 101 to 200.") {
		t.Errorf("the next page shows %s", got)
	}

	b.click("input[type=search]", "")
	b.call("Input.insertText", map[string]any{"text": "<I>check"}, nil)
	b.loads(func() { b.click("button", "Search") })
	if got := b.text("document.querySelector('main').innerText"); !strings.Contains(got, "1 of 302 scopes have a name that holds “<I>check”.") {
		t.Errorf("the search shows %s", got)
	}
	b.loads(func() { b.click("td a", "<i>checkout</i>") })
	b.loads(func() { b.click("td a", "auth") })
	if got := b.text("document.querySelector('h1').innerText"); got != "auth in <i>checkout</i>" {
		t.Errorf("the links lead to %q", got)
	}
	winner := "document.querySelector('.winner').closest('section').querySelector('h2').innerText"
	if got := b.text(winner); got != "engine engine" {
		t.Errorf("the one is of %q, want the engine", got)
	}
	b.picture("before")

	must(t, own.Apply(auth.Rebind("jwt", anybody)))
	b.loads(func() { b.call("Page.reload", nil, nil) })
	if got := b.text(winner); got != long+" pipeline" {
		t.Errorf("after the commit the one is of %q, want the pipeline", got)
	}
	if got := b.text("document.querySelector('.unseen').innerText"); !strings.HasPrefix(got, "jwt\n") || !strings.Contains(got, "replaced by "+long) {
		t.Errorf("who was replaced is shown as %q", got)
	}
	b.picture("after")

	b.loads(func() { b.click("h1 a", "<i>checkout</i>") })
	for _, name := range []string{"retirements", "extensions", "sources", "scopes"} {
		b.loads(func() { b.click("nav a", name) })
		if got := b.text("document.title"); got != name {
			t.Errorf("the link %s leads to %q", name, got)
		}
		b.picture(name)
	}
	b.loads(func() {
		b.call("Page.navigate", map[string]any{"url": server.URL + "/debug/capability?scope=" + long + "x"}, nil)
	})
	b.loads(func() { b.click("footer a", "Back") })
	if got := b.text("document.title"); got != "scopes" {
		t.Errorf("the way back leads to %q", got)
	}
}
