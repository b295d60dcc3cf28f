// Package wrongtype does not compile: a test looks at what the compiler says.
package wrongtype

import (
	otelcollector "github.com/typedcap/capability/docs/comparisons/otel-collector"
	"go.opentelemetry.io/collector/extension"
)

type timed struct{ extension.Extension }

func wrapped(e extension.Extension) {
	otelcollector.Authenticators.Bind("tokens", timed{e})
}
