// Both versions on the same scenario, and on each unhappy path.

package otelcollector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilitytest"
	"github.com/typedcap/capability/extension"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/confmap"
	colextension "go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/receiver"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var (
	staff  = Tokens{map[string]string{"s1": "Ann"}}
	staff2 = Tokens{map[string]string{"s2": "Ann Lee"}}
	guests = Tokens{map[string]string{"g1": "Bob"}}

	two  = map[string]Tokens{"tokens/staff": staff, "tokens/guests": guests}
	two2 = map[string]Tokens{"tokens/staff": staff2, "tokens/guests": guests}
	both = map[string]string{"inbox/front": "tokens/guests", "inbox/back": "tokens/staff"}
)

// sees fails the test unless the receiver knows who sends.
func (n *Network) sees(t *testing.T, receiver, token, want string) {
	t.Helper()
	if got, err := n.Send(receiver, token); got != want || err != nil {
		t.Errorf("%s sees %q and %v, want %q", receiver, got, err, want)
	}
}

// noted returns the notes and forgets them.
func (n *Network) noted() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	notes := n.notes
	n.notes = nil
	return notes
}

// until waits until the collector has noted so many starts of receivers, or has ended.
func (n *Network) until(t *testing.T, c *otelcol.Collector, starts int, back <-chan error) {
	t.Helper()
	for {
		n.mu.Lock()
		count := 0
		for _, note := range n.notes {
			if strings.HasPrefix(note, "start inbox/") {
				count++
			}
		}
		n.mu.Unlock()
		if count >= starts && c.GetState() == otelcol.StateRunning {
			return
		}
		select {
		case err := <-back:
			t.Fatalf("the Collector has ended: %v", err)
		default:
			runtime.Gosched()
		}
	}
}

// instances returns what the configuration of the same name holds, placed.
func instances(n *Network, at *capability.Registry, tokens map[string]Tokens, inboxes map[string]string) (all []extension.Instance) {
	for _, name := range slices.Sorted(maps.Keys(tokens)) {
		all = append(all, TokensExtension(n).Instance(name, tokens[name]).At(at))
	}
	for _, name := range slices.Sorted(maps.Keys(inboxes)) {
		all = append(all, InboxExtension(n).Instance(name, inboxes[name]).At(at))
	}
	return all
}

// The scenario: two authenticators of a kind, two receivers, one authenticator replaced.
func TestScenario(t *testing.T) {
	t.Run("collector", collected)
	t.Run("keyed", keyed)
}

func collected(t *testing.T) {
	n := new(Network)
	c, s := newCollector(t, n, configuration(two, both))
	back := run(t, c)
	n.until(t, c, 2, back)
	n.sees(t, "inbox/front", "g1", "Bob")
	n.sees(t, "inbox/back", "s1", "Ann")

	s.change(configuration(two2, both))
	n.until(t, c, 4, back)
	n.sees(t, "inbox/front", "g1", "Bob")
	n.sees(t, "inbox/back", "s2", "Ann Lee")

	c.Shutdown()
	must(t, <-back)
}

func keyed(t *testing.T) {
	n := new(Network)
	engine := capability.NewRegistry(capability.Engine, "engine")
	host := extension.NewHost(extension.Options{})
	must(t, host.Start(t.Context(),
		TokensExtension(n).Instance("tokens/staff", staff).At(engine),
		TokensExtension(n).Instance("tokens/guests", guests).At(engine),
		InboxExtension(n).Instance("inbox/front", "tokens/guests").At(engine),
		InboxExtension(n).Instance("inbox/back", "tokens/staff").At(engine),
	))
	n.sees(t, "inbox/front", "g1", "Bob")
	n.sees(t, "inbox/back", "s1", "Ann")

	must(t, host.Replace(t.Context(), TokensExtension(n).Instance("tokens/staff", staff2)))
	n.sees(t, "inbox/front", "g1", "Bob")
	n.sees(t, "inbox/back", "s2", "Ann Lee")

	must(t, host.Stop(t.Context()))
}

// Receivers name an authenticator that nobody has configured.
func TestForgotten(t *testing.T) {
	wrong := map[string]string{"inbox/front": "tokens/guest", "inbox/back": "tokens/stuff"}

	n := new(Network)
	c, _ := newCollector(t, n, configuration(two, wrong))
	must(t, c.DryRun(t.Context())) // says nothing
	c, _ = newCollector(t, n, configuration(two, wrong))
	err := c.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "authenticator not found") || strings.Count(err.Error(), "inbox/") != 1 {
		t.Errorf("collector: %v", err)
	}
	if notes := n.noted(); !slices.Contains(notes, "start tokens/staff") {
		t.Errorf("collector: %q", notes) // what it depends on was started, and stopped again
	}

	// Without any authenticator it is known before anything runs, of all inboxes. Which
	// one a configuration means by its name is known when the inbox is made.
	engine := capability.NewRegistry(capability.Engine, "engine")
	report := extension.Validate(instances(n, engine, nil, wrong))
	if text := report.String(); len(report.Errors) != 2 || !strings.Contains(text, "inbox/front") || !strings.Contains(text, "inbox/back") {
		t.Errorf("keyed: %s", text)
	}
	if report := extension.Validate(instances(n, engine, two, wrong)); report.Err() != nil {
		t.Errorf("keyed: %s", report)
	}
	host := extension.NewHost(extension.Options{})
	err = host.Start(t.Context(), instances(n, engine, two, wrong)...)
	if !errors.Is(err, capability.ErrNotProvided) || !strings.Contains(err.Error(), "did you mean") || !strings.Contains(err.Error(), `"inbox/`) {
		t.Errorf("keyed: %v", err)
	}
	must(t, host.Stop(t.Context()))
}

// Two of one type and name, and two factories of one type.
func TestTwice(t *testing.T) {
	n := new(Network)
	retrieved, err := confmap.NewRetrievedFromYAML([]byte("tokens/staff: {users: {s1: Ann}}\ntokens/staff: {users: {s2: Ann Lee}}\n"))
	must(t, err)
	if _, err = retrieved.AsConf(); err == nil || !strings.Contains(err.Error(), "already defined at line 1") {
		t.Errorf("collector: %v", err)
	}
	_, err = otelcol.MakeFactoryMap(NewTokensFactory(n), NewTokensFactory(n))
	if err == nil || !strings.Contains(err.Error(), `duplicate component factory "tokens"`) {
		t.Errorf("collector: %v", err)
	}

	engine := capability.NewRegistry(capability.Engine, "engine")
	err = extension.Validate([]extension.Instance{
		TokensExtension(n).Instance("tokens/staff", staff).At(engine),
		TokensExtension(n).Instance("tokens/staff", staff2).At(engine),
	}, Authenticators).Err()
	if !errors.Is(err, capability.ErrConflict) || strings.Count(err.Error(), "otelcollector_test.go:") != 2 {
		t.Errorf("keyed: %v", err)
	}
}

// A component takes the authenticator that there is, without a name, and there are two.
func TestAmbiguous(t *testing.T) {
	n := new(Network)
	host := hostOf{
		component.MustNewIDWithName("tokens", "staff"):  &tokens{book: book{staff.Users}, network: n},
		component.MustNewIDWithName("tokens", "guests"): &tokens{book: book{guests.Users}, network: n},
	}
	got := make(map[component.ID]bool)
	for range 1000 {
		for id, e := range host.GetExtensions() {
			if _, ok := e.(extensionauth.Server); ok {
				got[id] = true
				break
			}
		}
	}
	if len(got) != 2 {
		t.Errorf("collector: %v", got) // sometimes one, sometimes the other
	}

	engine := capability.NewRegistry(capability.Engine, "engine")
	must(t, engine.Apply(Authenticators.Bind("tokens/staff", book{}), Authenticators.Bind("tokens/guests", book{})))
	scope, err := capability.Compose(engine)
	must(t, err)
	defer scope.Close()
	if _, err := Authenticators.Leased(scope); !errors.Is(err, capability.ErrAmbiguous) {
		t.Errorf("keyed: %v", err)
	}
}

// hostOf is a component.Host with these extensions.
type hostOf map[component.ID]component.Component

func (h hostOf) GetExtensions() map[component.ID]component.Component { return h }

// A receiver names an extension that is no authenticator, or one that somebody wrapped.
func TestWrongType(t *testing.T) {
	n := new(Network)
	c, _ := newCollector(t, n, configuration(two, map[string]string{"inbox/front": "pages"}))
	err := c.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "requested authenticator is not a server authenticator") ||
		!strings.Contains(err.Error(), "inbox/front") || strings.Contains(err.Error(), "pages") {
		t.Errorf("collector: %v", err)
	}

	id := component.MustNewID("tokens")
	config := configauth.Config{AuthenticatorID: id}
	plain := &tokens{book: book{staff.Users}, id: id, network: n}
	_, err = config.GetServerAuthenticator(t.Context(), hostOf{id: plain})
	must(t, err)
	_, err = config.GetServerAuthenticator(t.Context(), hostOf{id: timed{plain}})
	if err == nil || err.Error() != "requested authenticator is not a server authenticator" {
		t.Errorf("collector, wrapped: %v", err)
	}

	// An extension that does not export the key is not found under it.
	engine := capability.NewRegistry(capability.Engine, "engine")
	host := extension.NewHost(extension.Options{})
	other := extension.Passive[struct{}]{
		Manifest: extension.Manifest{Name: "pages", Doc: "shows pages", URL: "https://example.org/pages"},
		Exports:  []extension.Key{titles},
		New: func(_ struct{}, d extension.Dependencies) ([]capability.Binding, error) {
			return []capability.Binding{titles.Bind(d.Name, "pages")}, nil
		},
	}
	err = host.Start(t.Context(), append(instances(n, engine, two, map[string]string{"inbox/front": "pages"}),
		other.Instance("pages", struct{}{}).At(engine))...)
	if !errors.Is(err, capability.ErrNotProvided) || !strings.Contains(err.Error(), `"pages"`) || !strings.Contains(err.Error(), "inbox/front") {
		t.Errorf("keyed: %v", err)
	}
	must(t, host.Stop(t.Context()))

	// A provider that is no authenticator, wrapped or not, does not compile.
	cmd := exec.Command("go", "build", "./testdata/wrongtype")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "in argument to otelcollector.Authenticators.Bind") {
		t.Errorf("the compiler says %s", out)
	}
}

var titles = capability.New[string]("title", "name pages")

// timed wraps an extension and forgets what else it can do.
type timed struct{ colextension.Extension }

// What happens to those who send while one authenticator is replaced.
func TestReplacedInUse(t *testing.T) {
	t.Run("collector", func(t *testing.T) {
		n := new(Network)
		c, s := newCollector(t, n, configuration(two, both))
		back := run(t, c)
		n.until(t, c, 2, back)
		n.noted()
		var during error
		n.started = func(name string) error {
			if name == "tokens/staff" {
				_, during = n.Send("inbox/front", "g1") // its authenticator has not changed
			}
			return nil
		}
		s.change(configuration(two2, both))
		n.until(t, c, 2, back)
		if !errors.Is(during, errRefused) {
			t.Errorf("during the reload: %v", during)
		}
		notes := n.noted()
		for _, all := range []string{"tokens/staff", "tokens/guests", "inbox/front", "inbox/back"} {
			if !slices.Contains(notes, "stop "+all) || !slices.Contains(notes, "start "+all) {
				t.Errorf("%s was not restarted: %q", all, notes)
			}
		}
		c.Shutdown()
		must(t, <-back)
	})
	t.Run("keyed", func(t *testing.T) {
		n := new(Network)
		engine := capability.NewRegistry(capability.Engine, "engine")
		host := extension.NewHost(extension.Options{})
		must(t, host.Start(t.Context(), instances(n, engine, two, both)...))
		n.noted()
		n.started = func(string) error {
			n.sees(t, "inbox/front", "g1", "Bob")
			n.sees(t, "inbox/back", "s1", "Ann") // the one before serves until the new one is ready
			return nil
		}
		must(t, host.Replace(t.Context(), TokensExtension(n).Instance("tokens/staff", staff2)))
		n.sees(t, "inbox/back", "s2", "Ann Lee")
		if notes := n.noted(); !slices.Equal(notes, []string{"start tokens/staff", "stop tokens/staff"}) {
			t.Errorf("it notes %q", notes)
		}
		must(t, host.Stop(t.Context()))
	})
}

// Senders send while an authenticator is replaced again and again.
func TestReplacedUnderLoad(t *testing.T) {
	load := func(send func(), replace func()) {
		var senders sync.WaitGroup
		done := make(chan struct{})
		for range 4 {
			senders.Go(func() {
				for {
					send()
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		replace()
		close(done)
		senders.Wait()
	}
	t.Run("collector", func(t *testing.T) {
		n := new(Network)
		c, s := newCollector(t, n, configuration(two, both))
		back := run(t, c)
		n.until(t, c, 2, back)
		var refused atomic.Int64
		n.started = func(name string) error {
			if _, err := n.Send("inbox/front", "g1"); name == "tokens/guests" && errors.Is(err, errRefused) {
				refused.Add(1)
			}
			return nil
		}
		load(func() {
			if user, err := n.Send("inbox/front", "g1"); user != "Bob" && !errors.Is(err, errRefused) {
				t.Errorf("it sees %q and %v", user, err)
			}
		}, func() {
			for i := range 3 {
				s.change(configuration([]map[string]Tokens{two2, two}[i%2], both))
				n.until(t, c, 2*(i+2), back)
			}
		})
		if refused.Load() != 3 {
			t.Errorf("%d of 3 reloads have refused", refused.Load())
		}
		c.Shutdown()
		must(t, <-back)
	})
	t.Run("keyed", func(t *testing.T) {
		n := new(Network)
		engine := capability.NewRegistry(capability.Engine, "engine")
		host := extension.NewHost(extension.Options{})
		must(t, host.Start(t.Context(), instances(n, engine, two, both)...))
		load(func() { n.sees(t, "inbox/back", "s1", "Ann") }, func() {
			for range 20 {
				must(t, host.Replace(t.Context(), TokensExtension(n).Instance("tokens/staff", staff)))
			}
		})
		must(t, host.Stop(t.Context()))
	})
}

// The new authenticator cannot start.
func TestReplacementFails(t *testing.T) {
	broken := errors.New("the key cannot be read")
	t.Run("collector", func(t *testing.T) {
		n := new(Network)
		c, s := newCollector(t, n, configuration(two, both))
		back := run(t, c)
		n.until(t, c, 2, back)
		n.started = func(string) error { return broken }
		s.change(configuration(two2, both))
		if err := <-back; !errors.Is(err, broken) {
			t.Errorf("Run returns %v", err)
		}
		if _, err := n.Send("inbox/front", "g1"); !errors.Is(err, errRefused) {
			t.Errorf("after it: %v", err)
		}
	})
	t.Run("keyed", func(t *testing.T) {
		n := new(Network)
		engine := capability.NewRegistry(capability.Engine, "engine")
		host := extension.NewHost(extension.Options{})
		must(t, host.Start(t.Context(), instances(n, engine, two, both)...))
		n.started = func(string) error { return broken }
		err := host.Replace(t.Context(), TokensExtension(n).Instance("tokens/staff", staff2))
		if !errors.Is(err, broken) || errors.Is(err, extension.ErrNotStopped) {
			t.Errorf("Replace returns %v", err)
		}
		n.sees(t, "inbox/back", "s1", "Ann") // the one before is in service
		must(t, host.Ready())
		must(t, host.Stop(t.Context()))
	})
}

// Who receives ends before who authenticates, and one that hangs is waited for.
func TestShutdown(t *testing.T) {
	last := func(t *testing.T, notes []string) {
		t.Helper()
		if len(notes) != 4 {
			t.Fatalf("it notes %q", notes)
		}
		for i, prefix := range []string{"stop inbox/", "stop inbox/", "stop tokens/", "stop tokens/"} {
			if !strings.HasPrefix(notes[i], prefix) {
				t.Errorf("it notes %q", notes)
			}
		}
	}
	t.Run("collector", func(t *testing.T) {
		n := new(Network)
		c, _ := newCollector(t, n, configuration(two, both))
		back := run(t, c)
		n.until(t, c, 2, back)
		n.noted()
		n.stopped = func(ctx context.Context, name string) {
			if deadline, ok := ctx.Deadline(); ok {
				t.Errorf("%s has until %v", name, deadline)
			}
		}
		c.Shutdown() // waits for ever for one that hangs
		must(t, <-back)
		last(t, n.noted())
	})
	t.Run("keyed", func(t *testing.T) {
		n := new(Network)
		engine := capability.NewRegistry(capability.Engine, "engine")
		host := extension.NewHost(extension.Options{})
		must(t, host.Start(t.Context(), instances(n, engine, two, both)...))
		n.noted()
		must(t, host.Stop(t.Context()))
		last(t, n.noted())
	})
	t.Run("keyed and hung", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := new(Network)
			engine := capability.NewRegistry(capability.Engine, "engine")
			host := extension.NewHost(extension.Options{Limits: extension.Limits{Stop: time.Minute}})
			must(t, host.Start(t.Context(), instances(n, engine, two, both)...))
			release := make(chan struct{})
			n.stopped = func(_ context.Context, name string) {
				if name == "tokens/staff" {
					<-release
				}
			}
			n.noted()
			begun := time.Now()
			err := host.Stop(t.Context())
			if err == nil || !strings.Contains(err.Error(), "tokens/staff") || time.Since(begun) != time.Minute {
				t.Errorf("after %v: %v", time.Since(begun), err)
			}
			if !slices.Contains(n.noted(), "stop tokens/guests") {
				t.Error("the other one was not stopped")
			}
			close(release)
		})
	})
}

// Tests with an authenticator of their own run in parallel.
func TestFakes(t *testing.T) {
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(t, engine.Apply(Authenticators.Bind("tokens/staff", book{staff.Users})))
	production, err := capability.Compose(engine)
	must(t, err)
	t.Cleanup(func() { must(t, production.Close()) })
	t.Run("tests", func(t *testing.T) {
		for i := range 4 {
			fake := book{map[string]string{"f": fmt.Sprint("fake ", i)}}
			t.Run(fmt.Sprint("collector ", i), func(t *testing.T) {
				t.Parallel()
				n := new(Network)
				id := component.MustNewIDWithName("tokens", "staff")
				config := &InboxConfig{configauth.Config{AuthenticatorID: id}}
				set := receiver.Settings{ID: component.MustNewID("inbox"), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
				r, err := NewInboxFactory(n).CreateLogs(t.Context(), set, config, new(sink))
				must(t, err)
				must(t, r.Start(t.Context(), hostOf{id: &tokens{book: fake, network: n}}))
				n.sees(t, "inbox", "f", fmt.Sprint("fake ", i))
				must(t, r.Shutdown(t.Context()))
			})
			t.Run(fmt.Sprint("keyed ", i), func(t *testing.T) {
				t.Parallel()
				n := new(Network)
				scope := capabilitytest.Overlay(t, production, Authenticators.Rebind("tokens/staff", fake))
				r, err := InboxExtension(n).New("tokens/staff", extension.Dependencies{Name: "inbox", Scope: scope})
				must(t, err)
				ctx, cancel := context.WithCancel(t.Context())
				ready, ended := make(chan struct{}), make(chan error)
				go func() { ended <- r.Run(ctx, func() { close(ready) }) }()
				<-ready
				n.sees(t, "inbox", "f", fmt.Sprint("fake ", i))
				cancel()
				must(t, <-ended)
			})
		}
	})
}
