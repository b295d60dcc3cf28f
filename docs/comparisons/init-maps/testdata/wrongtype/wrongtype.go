// Package wrongtype does not compile: a test looks at what the compiler says.
package wrongtype

import initmaps "github.com/typedcap/capability/docs/comparisons/init-maps"

func both() {
	initmaps.Register("csv", "no driver")
	initmaps.Drivers.Bind("csv", "no driver")
}
