// Five services of which one never stops: what becomes of the others, with fx, do, suture
// and the hosts of package extension.

package benchmarks

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/samber/do/v2"
	"github.com/thejerf/suture/v4"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// lineup is the services in the order in which they start: each needs the one before.
// They stop in the reverse order where there is one, so the culprit is the third.
var lineup = []string{"disk", "store", "queue", "mailer", "web"}

const (
	culprit  = "queue"
	budget   = 100 * time.Millisecond // for stopping
	patience = 5 * budget             // with a stop that does not return while the culprit hangs
)

// A crew is the services while they are stopped.
type crew struct {
	free chan struct{} // what the culprit waits for

	once sync.Once // closes it

	mu   sync.Mutex
	told []string // to stop, in the order in which they were
	log  bytes.Buffer
}

// stop is what each service does when it is told to.
func (c *crew) stop(name string) {
	c.mu.Lock()
	c.told = append(c.told, name)
	c.mu.Unlock()
	if name == culprit {
		<-c.free
	}
}

// Write appends to the log.
func (c *crew) Write(line []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.Write(line)
}

// seen returns who was told to stop so far, and the log.
func (c *crew) seen() (told []string, log string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.told), c.log.String()
}

// forget empties the log.
func (c *crew) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log.Reset()
}

// newCrew returns a crew whose culprit goes on when the test ends, if it has not before.
func newCrew(t *testing.T) *crew {
	c := &crew{free: make(chan struct{})}
	t.Cleanup(c.release)
	return c
}

func (c *crew) release() { c.once.Do(func() { close(c.free) }) }

// A stopping is what was seen of a stop.
type stopping struct {
	told    []string // when it had returned, or the culprit was let go on
	log     string   // at the same time
	err     error    // what it returned, if need be after the culprit went on
	hung    bool     // whether it returned only after the culprit went on
	after   time.Duration
	toldAll []string // when it had returned
}

// watch calls stop, with a context that ends with the budget, and says what was seen. If
// it has not returned in that time, the culprit goes on.
func watch(c *crew, within time.Duration, stop func(ctx context.Context) error) (s stopping) {
	c.forget()
	begun := time.Now() // before the budget begins
	ctx, cancel := context.WithTimeout(context.Background(), budget)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- stop(ctx) }()
	limit := time.NewTimer(within)
	defer limit.Stop()
	select {
	case s.err = <-done:
		s.told, s.log = c.seen()
	case <-limit.C:
		s.hung = true
		s.told, s.log = c.seen()
		c.release()
		s.err = <-done
	}
	s.after = time.Since(begun)
	s.toldAll, _ = c.seen()
	return s
}

// A member is a service of fx and do.
type member struct {
	name string
	*crew
}

func (m member) Stop(context.Context) error {
	m.stop(m.name)
	return nil
}

// The services of fx have a type each, with a method of its own, as the log of fx tells
// them apart by the names of methods.
type (
	disk   struct{ member }
	store  struct{ member }
	queue  struct{ member }
	mailer struct{ member }
	web    struct{ member }
)

func (s disk) Stop(ctx context.Context) error   { return s.member.Stop(ctx) }
func (s store) Stop(ctx context.Context) error  { return s.member.Stop(ctx) }
func (s queue) Stop(ctx context.Context) error  { return s.member.Stop(ctx) }
func (s mailer) Stop(ctx context.Context) error { return s.member.Stop(ctx) }
func (s web) Stop(ctx context.Context) error    { return s.member.Stop(ctx) }

// hooked has fx stop the service.
func hooked[S any](l fx.Lifecycle, s S, stop func(context.Context) error) S {
	l.Append(fx.StopHook(stop))
	return s
}

func stopWithFx(t *testing.T) stopping {
	c := newCrew(t)
	app := fx.New(
		fx.WithLogger(func() fxevent.Logger { return &fxevent.ConsoleLogger{W: c} }),
		fx.Provide(
			func(l fx.Lifecycle) disk {
				s := disk{member{"disk", c}}
				return hooked(l, s, s.Stop)
			},
			func(l fx.Lifecycle, _ disk) store {
				s := store{member{"store", c}}
				return hooked(l, s, s.Stop)
			},
			func(l fx.Lifecycle, _ store) queue {
				s := queue{member{"queue", c}}
				return hooked(l, s, s.Stop)
			},
			func(l fx.Lifecycle, _ queue) mailer {
				s := mailer{member{"mailer", c}}
				return hooked(l, s, s.Stop)
			},
			func(l fx.Lifecycle, _ mailer) web {
				s := web{member{"web", c}}
				return hooked(l, s, s.Stop)
			},
		),
		fx.Invoke(func(web) {}),
	)
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return watch(c, time.Minute, app.Stop)
}

// A closer is a service of do.
type closer struct{ member }

func (s *closer) Shutdown(ctx context.Context) error { return s.Stop(ctx) }

// stopWithDo stops services that need each other, or do not.
func stopWithDo(t *testing.T, need bool) stopping {
	c := newCrew(t)
	root := do.NewWithOpts(&do.InjectorOpts{Logf: func(format string, args ...any) { fmt.Fprintf(c, format+"\n", args...) }})
	for i, name := range lineup {
		do.ProvideNamed(root, name, func(in do.Injector) (*closer, error) {
			if need && i > 0 {
				do.MustInvokeNamed[*closer](in, lineup[i-1])
			}
			return &closer{member{name, c}}, nil
		})
	}
	for _, name := range lineup {
		do.MustInvokeNamed[*closer](root, name)
	}
	return watch(c, patience, func(ctx context.Context) error {
		if report := root.ShutdownWithContext(ctx); !report.Succeed {
			return report
		}
		return nil
	})
}

// A server is a service of suture.
type server struct {
	member
	up chan struct{}
}

func (s server) String() string { return s.name }

func (s server) Serve(ctx context.Context) error {
	close(s.up)
	<-ctx.Done()
	s.stop(s.name)
	return ctx.Err()
}

func stopWithSuture(t *testing.T) stopping {
	c := newCrew(t)
	root := suture.New("root", suture.Spec{Timeout: budget, EventHook: func(e suture.Event) { fmt.Fprintln(c, e) }})
	var servers []server
	for _, name := range lineup {
		s := server{member{name, c}, make(chan struct{})}
		servers = append(servers, s)
		root.Add(s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := root.ServeBackground(ctx)
	for _, s := range servers {
		<-s.up
	}
	return watch(c, time.Minute, func(context.Context) error {
		cancel()
		err := <-done
		report, _ := root.UnstoppedServiceReport()
		for _, s := range report {
			fmt.Fprintf(c, "report: %s\n", s.Name)
		}
		return err
	})
}

// stopWithHost stops services that have the budget each, or all together.
func stopWithHost(t *testing.T, each bool) stopping {
	c := newCrew(t)
	engine := capability.NewRegistry(capability.Engine, "engine")
	options := extension.Options{Log: slog.New(slog.NewTextHandler(c, nil))}
	if each {
		options.Limits.Stop = budget
	}
	host := extension.NewHost(options)
	var instances []extension.Instance
	var before []extension.Key
	for _, name := range lineup {
		key := capability.New[string](name, "is a service that others need")
		instances = append(instances, extension.Active[struct{}]{
			Manifest: extension.Manifest{Name: name, Doc: "is a service", URL: "https://example.org/" + name, Requires: before},
			Exports:  []extension.Key{key},
			New: func(struct{}, extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
				return []capability.Binding{key.Bind(name, name)}, extension.RunFunc(func(ctx context.Context, ready func()) error {
					ready()
					<-ctx.Done()
					c.stop(name)
					return nil
				}), nil
			},
		}.Instance(name, struct{}{}).At(engine))
		before = []extension.Key{key}
	}
	if err := host.Start(t.Context(), instances...); err != nil {
		t.Fatal(err)
	}
	return watch(c, time.Minute, func(ctx context.Context) error {
		if each {
			ctx = t.Context()
		}
		return host.Stop(ctx)
	})
}

// TestHangingStop pins what happens to the others, who is named, and when the stop
// returns, with a budget of 100 ms. It logs a table of that.
func TestHangingStop(t *testing.T) {
	inOrder := []string{"web", "mailer", "queue", "store", "disk"}
	const hostError = `provider "queue", scope "engine": extension "queue", instance made at \S+/hang_test\.go:\d+: ` +
		`Run has not returned since its context ended at (\S+): return when it ends, or give it more time to Stop`
	table := "| stopped by | told to stop | the error names the culprit | the log names the culprit | since when | returns after |\n| --- | --- | --- | --- | --- | --- |\n"
	for _, c := range []struct {
		name    string
		stop    func(*testing.T) stopping
		anyhow  bool          // whether the order is left to chance
		told    []string      // before the culprit goes on
		hung    bool          // whether the stop does not return before the culprit goes on
		least   time.Duration // that it lasts otherwise
		log     []string      // the lines that name the culprit
		err     string        // an expression; its group is a time
		verdict [2]string     // what the table says of the error and the log
	}{
		{
			name: "fx: hooks, Stop(ctx)", stop: stopWithFx, told: inOrder[:3], least: budget,
			log:     []string{"[Fx] HOOK OnStop\t\tgithub.com/typedcap/capability/benchmarks.queue.Stop-fm() executing"},
			err:     "context deadline exceeded",
			verdict: [2]string{"no", "as the last that began"},
		},
		{
			name: "do: a chain, ShutdownWithContext(ctx)", stop: func(t *testing.T) stopping { return stopWithDo(t, true) }, told: inOrder[:3], hung: true,
			log: []string{"DI <scope=[root]>: requested shutdown for service queue"},
			// Those that were not told in time are not told at all, and it is they who are named.
			err:     `DI: shutdown errors:\n(?:  - \[root\] > (?:disk|store): context deadline exceeded\n?){2}`,
			verdict: [2]string{"no: it names the two not told, when the culprit ends", "as the last that began"},
		},
		{
			name: "do: independent services", stop: func(t *testing.T) stopping { return stopWithDo(t, false) }, anyhow: true, told: inOrder, hung: true,
			log:     []string{"DI <scope=[root]>: requested shutdown for service queue"},
			verdict: [2]string{"no: there is none", "as one of five that began"},
		},
		{
			name: "suture: Timeout", stop: stopWithSuture, anyhow: true, told: inOrder, least: budget,
			log:     []string{"root: Service queue failed to terminate in a timely manner", "report: queue"},
			err:     "context canceled",
			verdict: [2]string{"no", "yes, and so does a report"},
		},
		{
			name: "extension: Limits.Stop", stop: func(t *testing.T) stopping { return stopWithHost(t, true) }, told: inOrder, least: budget,
			err:     hostError,
			verdict: [2]string{"yes", "no: nothing is logged"},
		},
		{
			name: "extension: Stop(ctx)", stop: func(t *testing.T) stopping { return stopWithHost(t, false) }, told: inOrder, least: budget + time.Second,
			err:     hostError,
			verdict: [2]string{"yes", "no: nothing is logged"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			begun := time.Now().Truncate(time.Second)
			s := c.stop(t)
			told, want := slices.Clone(s.told), slices.Clone(c.told)
			if c.anyhow {
				slices.Sort(told)
				slices.Sort(want)
			}
			if !slices.Equal(told, want) {
				t.Errorf("told to stop are %q, want %q", s.told, c.told)
			}
			if !slices.Equal(s.toldAll, s.told) {
				t.Errorf("told to stop are %q when the stop has returned, and %q before", s.toldAll, s.told)
			}
			if s.hung != c.hung {
				t.Errorf("that the stop returns only after the culprit is %v, want %v", s.hung, c.hung)
			}
			if !c.hung && (s.after < c.least || s.after >= c.least+time.Second) {
				t.Errorf("the stop lasts %v, want %v or a little more", s.after, c.least)
			}
			var named []string
			for line := range strings.Lines(s.log) {
				if strings.Contains(line, culprit) {
					line, _, _ = strings.Cut(line, " (caller: ") // which depends on what is inlined
					named = append(named, strings.TrimSuffix(line, "\n"))
				}
			}
			if !slices.Equal(named, c.log) {
				t.Errorf("the log names the culprit in %q, want %q", named, c.log)
			}
			text := ""
			if s.err != nil {
				text = s.err.Error()
			}
			groups := regexp.MustCompile(`\A` + c.err + `\z`).FindStringSubmatch(text)
			if groups == nil {
				t.Errorf("the error is\n%s\nwant\n%s", text, c.err)
			}
			since := "no"
			if len(groups) > 1 {
				since = "yes"
				if at, err := time.Parse(time.RFC3339, groups[1]); err != nil || at.Before(begun) || at.After(begun.Add(s.after+time.Second)) {
					t.Errorf("the culprit is said to hang since %s, want a time from %v on", groups[1], begun)
				}
			}
			reached := "all five, one after the other"
			if c.anyhow {
				reached = "all five, at the same time"
			}
			if missed := slices.DeleteFunc(slices.Clone(lineup), func(name string) bool { return slices.Contains(s.toldAll, name) }); len(missed) > 0 {
				reached = strings.Join(s.told, ", ") + "; not " + strings.Join(missed, ", ")
			}
			after := s.after.Round(time.Millisecond).String()
			if s.hung {
				after = "not while the culprit hangs, not within " + patience.String()
			}
			table += fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", c.name, reached, c.verdict[0], c.verdict[1], since, after)
		})
	}
	t.Logf("\n%s", table)
}
