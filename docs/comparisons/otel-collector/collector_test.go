// A real Collector in a test: its configuration is a map that the test changes.

package otelcollector

import (
	"context"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/service/telemetry"
)

// settings are a configuration that can be changed. It is a confmap.Provider.
type settings struct {
	mu      sync.Mutex
	current map[string]any
	watcher confmap.WatcherFunc
}

func (s *settings) Retrieve(_ context.Context, _ string, watcher confmap.WatcherFunc) (*confmap.Retrieved, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watcher = watcher
	return confmap.NewRetrieved(s.current)
}

func (*settings) Scheme() string { return "settings" }

func (*settings) Shutdown(context.Context) error { return nil }

// change changes the configuration, and the Collector reloads.
func (s *settings) change(to map[string]any) {
	s.mu.Lock()
	s.current = to
	watcher := s.watcher
	s.mu.Unlock()
	watcher(&confmap.ChangeEvent{})
}

// configuration has an extension for each of tokens, and for each inbox a receiver that
// asks the authenticator named.
func configuration(tokens map[string]Tokens, inboxes map[string]string) map[string]any {
	extensions, receivers := map[string]any{"pages": nil}, map[string]any{}
	enabled, listening := []any{"pages"}, []any{}
	for id, t := range tokens {
		users := make(map[string]any)
		for token, user := range t.Users {
			users[token] = user
		}
		extensions[id] = map[string]any{"users": users}
		enabled = append(enabled, id)
	}
	for id, auth := range inboxes {
		receivers[id] = map[string]any{"auth": map[string]any{"authenticator": auth}}
		listening = append(listening, id)
	}
	return map[string]any{
		"extensions": extensions,
		"receivers":  receivers,
		"exporters":  map[string]any{"sink": nil},
		"service": map[string]any{
			"extensions": enabled,
			"pipelines": map[string]any{
				"logs": map[string]any{"receivers": listening, "exporters": []any{"sink"}},
			},
		},
	}
}

// pages is an extension that authenticates nobody.
type pages struct {
	component.StartFunc
	component.ShutdownFunc
}

type sink struct {
	component.StartFunc
	component.ShutdownFunc
}

func (sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (sink) ConsumeLogs(context.Context, plog.Logs) error { return nil }

func factories(n *Network) func() (otelcol.Factories, error) {
	none := func() component.Config { return &struct{}{} }
	return func() (f otelcol.Factories, err error) {
		f.Telemetry = telemetry.NewFactory(none)
		f.Extensions, err = otelcol.MakeFactoryMap(
			NewTokensFactory(n),
			extension.NewFactory(component.MustNewType("pages"), none,
				func(context.Context, extension.Settings, component.Config) (extension.Extension, error) {
					return new(pages), nil
				}, component.StabilityLevelStable),
		)
		if err != nil {
			return f, err
		}
		f.Receivers, err = otelcol.MakeFactoryMap[receiver.Factory](NewInboxFactory(n))
		if err != nil {
			return f, err
		}
		f.Exporters, err = otelcol.MakeFactoryMap(exporter.NewFactory(component.MustNewType("sink"), none,
			exporter.WithLogs(func(context.Context, exporter.Settings, component.Config) (exporter.Logs, error) {
				return new(sink), nil
			}, component.StabilityLevelStable)))
		return f, err
	}
}

// newCollector returns a Collector with that configuration.
func newCollector(t *testing.T, n *Network, with map[string]any) (*otelcol.Collector, *settings) {
	t.Helper()
	s := &settings{current: with}
	c, err := otelcol.NewCollector(otelcol.CollectorSettings{
		Factories:               factories(n),
		BuildInfo:               component.NewDefaultBuildInfo(),
		DisableGracefulShutdown: true,
		SkipSettingGRPCLogger:   true,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs: []string{"settings:"},
			ProviderFactories: []confmap.ProviderFactory{
				confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider { return s }),
			},
		}},
	})
	must(t, err)
	return c, s
}

// run runs a Collector and returns where its error will be.
func run(t *testing.T, c *otelcol.Collector) <-chan error {
	back := make(chan error, 1)
	go func() { back <- c.Run(t.Context()) }()
	return back
}
