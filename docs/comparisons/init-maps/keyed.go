// The capability: drivers are bound in registries, one for all and one for each tenant.

package initmaps

import "github.com/typedcap/capability"

// Drivers is the extension point. Who uses a driver leases it, so that one that was
// replaced can be closed as soon as the last export with it is done.
var Drivers = capability.New[Driver]("export-driver", "write a sheet in a format",
	capability.OnlyLeased())

// A Report is a consumer: it writes sheets for whoever's scope it was made in.
type Report struct{ driver capability.Leased[Driver] }

func NewReport(s *capability.Scope, format string) (*Report, error) {
	r := new(Report)
	return r, s.Resolve(Drivers.Named(format).IntoLeased(&r.driver))
}

func (r *Report) Write(s Sheet) (out string, err error) {
	err = r.driver.Use(func(d Driver) error {
		out, err = d.Export(s)
		return err
	})
	return out, err
}
