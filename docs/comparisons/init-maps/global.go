// The package-level map: drivers register in init, as those of database/sql do.

package initmaps

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// A place is where a driver is registered: under a name, for one tenant or, with none,
// for all.
type place struct{ tenant, name string }

var (
	mu      sync.RWMutex
	drivers = make(map[place]Driver)
)

// Register makes a driver known to all. It is called by init and panics if the name is
// taken, as [database/sql.Register] does.
func Register(name string, d Driver) {
	mu.Lock()
	defer mu.Unlock()
	at := place{name: name}
	if _, taken := drivers[at]; taken {
		panic("export: Register called twice for driver " + name)
	}
	drivers[at] = d
}

// Replace puts a driver in the place of another, for all or for one tenant, and returns
// the one before.
func Replace(tenant, name string, d Driver) (old Driver) {
	mu.Lock()
	defer mu.Unlock()
	at := place{tenant, name}
	old = drivers[at]
	if d == nil {
		delete(drivers, at)
	} else {
		drivers[at] = d
	}
	return old
}

// Lookup returns the driver of the tenant, or else that of all.
func Lookup(tenant, name string) (Driver, error) {
	mu.RLock()
	defer mu.RUnlock()
	if d, ok := drivers[place{tenant, name}]; ok {
		return d, nil
	}
	if d, ok := drivers[place{name: name}]; ok {
		return d, nil
	}
	return nil, fmt.Errorf("export: unknown driver %q (forgotten import?)", name)
}

// CloseAll closes the drivers that can be closed, in whatever order the map has.
func CloseAll() error {
	mu.Lock()
	defer mu.Unlock()
	var errs []error
	for _, d := range drivers {
		if c, ok := d.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	clear(drivers)
	return errors.Join(errs...)
}

// A driver of a package of its own needs these three lines, and a blank import in main.
func init() {
	Register("csv", &delimited{comma: ","})
}

// A GlobalReport is a consumer: it writes sheets for a tenant.
type GlobalReport struct{ tenant, format string }

func (r GlobalReport) Write(s Sheet) (string, error) {
	d, err := Lookup(r.tenant, r.format)
	if err != nil {
		return "", err
	}
	return d.Export(s)
}
