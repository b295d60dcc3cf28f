// The Collector: an extension factory, and a receiver that looks extensions up by ID.

package otelcollector

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/receiver"
)

// tokens is the extension: its lifecycle and what others call are one value.
type tokens struct {
	book
	id      component.ID
	network *Network
}

func (t *tokens) Start(context.Context, component.Host) error {
	return t.network.Started(t.id.String())
}

func (t *tokens) Shutdown(ctx context.Context) error {
	t.network.Stopped(ctx, t.id.String())
	return nil
}

// NewTokensFactory returns the factory that a distribution lists.
func NewTokensFactory(n *Network) extension.Factory {
	return extension.NewFactory(
		component.MustNewType("tokens"),
		func() component.Config { return &Tokens{} },
		func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
			return &tokens{book{cfg.(*Tokens).Users}, set.ID, n}, nil
		},
		component.StabilityLevelStable,
	)
}

// An InboxConfig names the authenticator that an inbox asks.
type InboxConfig struct {
	Auth configauth.Config `mapstructure:"auth"`
}

// inbox is the receiver.
type inbox struct {
	config  *InboxConfig
	id      component.ID
	network *Network
	hangUp  func()
}

func (i *inbox) Start(ctx context.Context, host component.Host) error {
	server, err := i.config.Auth.GetServerAuthenticator(ctx, host.GetExtensions())
	if err != nil {
		return err
	}
	i.hangUp = i.network.Listen(i.id.String(), func(token string) (string, error) {
		ctx, err := server.Authenticate(context.Background(), sources(token))
		user, _ := ctx.Value(userKey{}).(string)
		return user, err
	})
	return nil
}

func (i *inbox) Shutdown(context.Context) error {
	if i.hangUp != nil {
		i.hangUp()
	}
	return nil
}

// NewInboxFactory returns the factory of the receiver.
func NewInboxFactory(n *Network) receiver.Factory {
	return receiver.NewFactory(
		component.MustNewType("inbox"),
		func() component.Config { return &InboxConfig{} },
		receiver.WithLogs(func(_ context.Context, set receiver.Settings, cfg component.Config, _ consumer.Logs) (receiver.Logs, error) {
			return &inbox{config: cfg.(*InboxConfig), id: set.ID, network: n}, nil
		}, component.StabilityLevelStable),
	)
}
