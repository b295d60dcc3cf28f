// Package wrongtype does not compile: a test looks at what the compiler says.
package wrongtype

import (
	samberdo "github.com/typedcap/capability/docs/comparisons/samber-do"

	"github.com/typedcap/capability"
)

func keyed(s *capability.Scope) {
	samberdo.Catalogues.Bind("books", 42)
	var desk capability.Handle[*samberdo.Desk]
	s.Resolve(samberdo.Catalogues.Into(&desk))
}
