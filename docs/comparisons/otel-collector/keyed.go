// The capability: an authenticator exports a provider of a key, an inbox requires it.

package otelcollector

import (
	"context"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
	"go.opentelemetry.io/collector/extension/extensionauth"
)

// Authenticators is the extension point. Inboxes lease, so that one that was replaced is
// stopped as soon as the last request with it is done.
var Authenticators = capability.New[extensionauth.Server]("authenticator", "say who sends",
	capability.OnlyLeased())

// TokensExtension returns the extension: what others call is the book alone.
func TokensExtension(n *Network) extension.Active[Tokens] {
	return extension.Active[Tokens]{
		Manifest: extension.Manifest{
			Name: "tokens", Doc: "knows senders by tokens", URL: "https://example.org/tokens",
		},
		Exports: []extension.Key{Authenticators},
		New: func(c Tokens, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
			run := extension.RunFunc(func(ctx context.Context, ready func()) error {
				if err := n.Started(d.Name); err != nil {
					return err
				}
				ready()
				<-ctx.Done()
				n.Stopped(ctx, d.Name)
				return nil
			})
			return []capability.Binding{Authenticators.Bind(d.Name, book{c.Users})}, run, nil
		},
	}
}

// InboxExtension returns the receiver. Its configuration is the name of who authenticates.
func InboxExtension(n *Network) extension.Background[string] {
	return extension.Background[string]{
		Manifest: extension.Manifest{
			Name: "inbox", Doc: "receives what is sent", URL: "https://example.org/inbox",
			Requires: []extension.Key{Authenticators},
		},
		New: func(auth string, d extension.Dependencies) (extension.Runner, error) {
			server, err := Authenticators.Named(auth).Leased(d.Scope)
			if err != nil {
				return nil, err
			}
			return extension.RunFunc(func(ctx context.Context, ready func()) error {
				hangUp := n.Listen(d.Name, func(token string) (user string, err error) {
					err = server.Use(func(s extensionauth.Server) error {
						ctx, err := s.Authenticate(context.Background(), sources(token))
						user, _ = ctx.Value(userKey{}).(string)
						return err
					})
					return user, err
				})
				defer hangUp()
				ready()
				<-ctx.Done()
				return nil
			}), nil
		},
	}
}
