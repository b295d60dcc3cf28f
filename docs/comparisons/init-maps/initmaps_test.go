// Both versions on the same scenario, and on each unhappy path.

package initmaps

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilitytest"
)

var sheet = Sheet{{"tea", "4"}, {"salt", "1"}}

// A fixed driver writes the same whatever the sheet is.
type fixed string

func (f fixed) Export(Sheet) (string, error) { return string(f), nil }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// writes fails the test unless that is what comes out.
func writes(t *testing.T, r interface{ Write(Sheet) (string, error) }, want string) {
	t.Helper()
	if got, err := r.Write(sheet); err != nil || got != want {
		t.Errorf("it wrote %q and %v, want %q", got, err, want)
	}
}

// replaceGlobal replaces a driver until the test ends.
func replaceGlobal(t *testing.T, tenant, name string, d Driver) (old Driver) {
	old = Replace(tenant, name, d)
	t.Cleanup(func() { Replace(tenant, name, old) })
	return old
}

// everybody returns the registry of all tenants, with a driver for csv.
func everybody(t *testing.T) *capability.Registry {
	t.Helper()
	all := capability.NewRegistry(capability.Engine, "all")
	must(t, all.Apply(Drivers.Bind("csv", &delimited{comma: ","})))
	return all
}

// compose returns a scope that is closed when the test ends.
func compose(t *testing.T, registries ...*capability.Registry) *capability.Scope {
	t.Helper()
	scope, err := capability.Compose(registries...)
	must(t, err)
	t.Cleanup(func() { must(t, scope.Close()) })
	return scope
}

func report(t *testing.T, s *capability.Scope, format string) *Report {
	t.Helper()
	r, err := NewReport(s, format)
	must(t, err)
	return r
}

// The scenario: a driver for all, another for one tenant, one that is replaced.
func TestScenario(t *testing.T) {
	t.Run("global", global)
	t.Run("keyed", keyed)
}

func global(t *testing.T) {
	t.Cleanup(func() { Replace("acme", "csv", nil) })
	t.Cleanup(func() { Replace("", "csv", &delimited{comma: ","}) })
	acme, other := GlobalReport{"acme", "csv"}, GlobalReport{"other", "csv"}
	writes(t, acme, "tea,4\nsalt,1\n")

	Replace("acme", "csv", &delimited{comma: ";"})
	writes(t, acme, "tea;4\nsalt;1\n")
	writes(t, other, "tea,4\nsalt,1\n")

	Replace("", "csv", &delimited{comma: "|"})
	writes(t, acme, "tea;4\nsalt;1\n")
	writes(t, other, "tea|4\nsalt|1\n")
}

func keyed(t *testing.T) {
	all := capability.NewRegistry(capability.Engine, "all")
	tenant := capability.NewRegistry(capability.Pipeline, "acme")
	must(t, all.Apply(Drivers.Bind("csv", &delimited{comma: ","})))
	acme := report(t, compose(t, tenant, all), "csv")
	other := report(t, compose(t, all), "csv")
	writes(t, acme, "tea,4\nsalt,1\n")

	must(t, tenant.Apply(Drivers.Bind("csv", &delimited{comma: ";"})))
	writes(t, acme, "tea;4\nsalt;1\n")
	writes(t, other, "tea,4\nsalt,1\n")

	must(t, all.Apply(Drivers.Rebind("csv", &delimited{comma: "|"})))
	writes(t, acme, "tea;4\nsalt;1\n")
	writes(t, other, "tea|4\nsalt|1\n")
}

// A driver that nobody registered is found by the first export, or when the program starts.
func TestForgotten(t *testing.T) {
	_, err := GlobalReport{"", "cvs"}.Write(sheet)
	if err == nil || err.Error() != `export: unknown driver "cvs" (forgotten import?)` {
		t.Errorf("global: %v", err)
	}
	// The constructor of the consumer refuses.
	_, err = NewReport(compose(t, everybody(t)), "cvs")
	if !errors.Is(err, capability.ErrNotProvided) || !strings.Contains(err.Error(), `did you mean "csv"?`) {
		t.Errorf("keyed: %v", err)
	}
	// Who learns the name later finds out later.
	all, err := Drivers.All().Leased(compose(t, everybody(t)))
	must(t, err)
	must(t, all.Use(func(c capability.Chain[Driver]) error {
		if _, ok := c.Find("cvs"); ok {
			t.Error("keyed: there is one")
		}
		return nil
	}))
}

// Who looks the driver up at the start and keeps it knows early, and keeps the old one.
func TestKept(t *testing.T) {
	kept, err := Lookup("", "csv")
	must(t, err)
	replaceGlobal(t, "", "csv", fixed("new"))
	if got, _ := kept.Export(sheet); got != "tea,4\nsalt,1\n" {
		t.Errorf("global: what was kept writes %q", got)
	}
	all := everybody(t)
	r := report(t, compose(t, all), "csv")
	must(t, all.Apply(Drivers.Rebind("csv", fixed("new"))))
	writes(t, r, "new")
}

// Two drivers of one name.
func TestTwice(t *testing.T) {
	said := func() (v any) {
		defer func() { v = recover() }()
		Register("csv", fixed("mine"))
		return nil
	}()
	if said != "export: Register called twice for driver csv" {
		t.Errorf("global: it panics with %v", said)
	}

	all := everybody(t)
	err := all.Apply(Drivers.Bind("csv", fixed("mine")))
	if !errors.Is(err, capability.ErrConflict) || strings.Count(err.Error(), "initmaps_test.go:") != 2 {
		t.Errorf("keyed: %v", err)
	}
	writes(t, report(t, compose(t, all), "csv"), "tea,4\nsalt,1\n") // nothing has changed
}

// It is registered in init because nothing takes it away again: a test that registered it
// would panic when it is run twice.
func init() { sql.Register("initmaps", noSQL{}) }

// What is said of database/sql is true of it.
func TestDatabaseSQL(t *testing.T) {
	func() {
		defer func() {
			if v := recover(); v != "sql: Register called twice for driver initmaps" {
				t.Errorf("it panics with %v", v)
			}
		}()
		sql.Register("initmaps", noSQL{})
	}()
	_, err := sql.Open("initmap", "")
	if err == nil || err.Error() != `sql: unknown driver "initmap" (forgotten import?)` {
		t.Errorf("unknown: %v", err)
	}
}

type noSQL struct{}

func (noSQL) Open(string) (driver.Conn, error) { return nil, driver.ErrBadConn }

// A value that is no driver does not compile, in neither version.
func TestWrongType(t *testing.T) {
	cmd := exec.Command("go", "build", "./testdata/wrongtype")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatal("it compiles")
	}
	for _, want := range []string{"in argument to initmaps.Register", "in argument to initmaps.Drivers.Bind"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the compiler does not say %q:\n%s", want, out)
		}
	}
}

// A driver is replaced, and closed, while an export with it runs.
func TestReplacedInUse(t *testing.T) {
	t.Run("global", func(t *testing.T) {
		old := &delimited{comma: ","}
		replaceGlobal(t, "", "csv", old)
		old.during = func() {
			was := Replace("", "csv", &delimited{comma: ";"})
			must(t, was.(*delimited).Close()) // nobody knows that it is in use
		}
		if _, err := (GlobalReport{"", "csv"}).Write(sheet); !errors.Is(err, errClosed) {
			t.Errorf("the export that ran: %v", err)
		}
	})
	t.Run("keyed", func(t *testing.T) {
		all := capability.NewRegistry(capability.Engine, "all")
		old := &delimited{comma: ","}
		must(t, all.Apply(Drivers.Bind("csv", old).OnRetire(old.Close)))
		old.during = func() {
			must(t, all.Apply(Drivers.Rebind("csv", &delimited{comma: ";"})))
		}
		r := report(t, compose(t, all), "csv")
		writes(t, r, "tea,4\nsalt,1\n") // the export that ran
		must(t, all.Drain(t.Context())) // waits until the old driver is closed
		if !old.closed.Load() {
			t.Error("the old driver is not closed")
		}
		writes(t, r, "tea;4\nsalt;1\n")
	})
}

// Four goroutines export while the driver is replaced a hundred times. In neither version
// is there a moment without a driver.
func TestReplacedUnderLoad(t *testing.T) {
	load := func(t *testing.T, r interface{ Write(Sheet) (string, error) }, replace func(i int)) {
		var readers sync.WaitGroup
		done := make(chan struct{})
		for range 4 {
			readers.Go(func() {
				for {
					if _, err := r.Write(sheet); err != nil {
						t.Error(err)
						return
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		for i := range 100 {
			replace(i)
		}
		close(done)
		readers.Wait()
	}
	t.Run("global", func(t *testing.T) {
		replaceGlobal(t, "", "csv", fixed("first"))
		var made []*delimited
		load(t, GlobalReport{"", "csv"}, func(i int) {
			d := &delimited{comma: ","}
			made = append(made, d)
			Replace("", "csv", d) // to close the one before would fail exports; see above
		})
		for i, d := range made {
			if d.closed.Load() {
				t.Errorf("driver %d of %d is closed", i, len(made))
			}
		}
	})
	t.Run("keyed", func(t *testing.T) {
		all := capability.NewRegistry(capability.Engine, "all")
		must(t, all.Apply(Drivers.Bind("csv", fixed("first"))))
		var made []*delimited
		load(t, report(t, compose(t, all), "csv"), func(i int) {
			d := &delimited{comma: ","}
			made = append(made, d)
			must(t, all.Apply(Drivers.Rebind("csv", d).OnRetire(d.Close)))
		})
		must(t, all.Drain(t.Context()))
		for i, d := range made {
			if last := i == len(made)-1; d.closed.Load() == last {
				t.Errorf("driver %d of %d: closed is %v", i, len(made), d.closed.Load())
			}
		}
	})
}

// The program ends while an export runs.
func TestShutdown(t *testing.T) {
	t.Run("global", func(t *testing.T) {
		d := &delimited{comma: ","}
		replaceGlobal(t, "", "csv", d)
		d.during = func() { must(t, CloseAll()) }
		if _, err := (GlobalReport{"", "csv"}).Write(sheet); !errors.Is(err, errClosed) {
			t.Errorf("the export that ran: %v", err)
		}
	})
	t.Run("keyed", func(t *testing.T) {
		all := capability.NewRegistry(capability.Engine, "all")
		d := &delimited{comma: ","}
		must(t, all.Apply(Drivers.Bind("csv", d).OnRetire(d.Close)))
		scope := compose(t, all)
		r := report(t, scope, "csv")
		d.during = func() {
			// Who consumes ends first, and who does not is named.
			err := all.Close(t.Context())
			if !errors.Is(err, capability.ErrInUse) || !strings.Contains(err.Error(), "all") {
				t.Errorf("with a scope open: %v", err)
			}
			must(t, scope.Close())
			soon, cancel := context.WithCancel(t.Context())
			cancel()
			if err := all.Close(soon); !errors.Is(err, capability.ErrInUse) {
				t.Errorf("with an export running: %v", err)
			}
		}
		writes(t, r, "tea,4\nsalt,1\n") // the export that ran
		must(t, all.Close(t.Context())) // waits until the driver is closed
		if !d.closed.Load() {
			t.Error("the driver is not closed")
		}
		if _, err := r.Write(sheet); !errors.Is(err, capability.ErrClosed) {
			t.Errorf("an export after the end: %v", err)
		}
	})
}

// Two tests have a fake each at the same time.
func TestFakes(t *testing.T) {
	t.Run("global", func(t *testing.T) {
		was := replaceGlobal(t, "", "csv", fixed("fake of the first test"))
		replaceGlobal(t, "", "csv", fixed("fake of the second test"))
		writes(t, GlobalReport{"", "csv"}, "fake of the second test") // the first test asks
		Replace("", "csv", was)                                       // and ends, and puts back what it found
		writes(t, GlobalReport{"", "csv"}, "tea,4\nsalt,1\n")         // the second test asks
	})
	t.Run("keyed", func(t *testing.T) {
		production := compose(t, everybody(t))
		t.Run("tests", func(t *testing.T) {
			for i := range 4 {
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					t.Parallel()
					fake(t, production, fmt.Sprintf("fake of test %d", i))
				})
			}
		})
		writes(t, report(t, production, "csv"), "tea,4\nsalt,1\n")
	})
}

func fake(t *testing.T, production *capability.Scope, says string) {
	scope := capabilitytest.Overlay(t, production, Drivers.Rebind("csv", fixed(says)))
	writes(t, report(t, scope, "csv"), says)
}
