// What tests of the suites call: suites that are less patient.

package capabilitytest

import (
	"cmp"
	"time"

	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/extension"
	"github.com/typedcap/capability/observed"
)

func SourceWithin[K cmp.Ordered, V any](t TB, d time.Duration, open func() data.Source[K, V], change func(), tolerate ...string) {
	testSource(&suite{t: t, patience: d, tolerate: tolerate}, open, change)
}

func ObserverWithin(t TB, d time.Duration, open func() observed.Observer) {
	testObserver(&suite{t: t, patience: d}, open)
}

func ExtensionWithin(t TB, d time.Duration, open func() extension.Instance, o ExtensionOptions) {
	testExtension(&suite{t: t, patience: d, tolerate: o.Tolerate}, open, o)
}

var (
	TextOf = textOf
	Apart  = apart
)
