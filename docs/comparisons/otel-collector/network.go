// What both versions work on: tokens that say who sends, and a network to send over.

// Package otelcollector is the code of otel-collector.md: receivers that look up the
// extension which authenticates, in the OpenTelemetry Collector and with package extension.
package otelcollector

import (
	"context"
	"errors"
	"sync"
)

// Tokens is the configuration of an authenticator: who has which token.
type Tokens struct {
	Users map[string]string `mapstructure:"users"`
}

// book authenticates; it is an extensionauth.Server.
type book struct{ users map[string]string }

type userKey struct{}

// sources is what an authenticator is given of a request.
func sources(token string) map[string][]string { return map[string][]string{"token": {token}} }

func (b book) Authenticate(ctx context.Context, from map[string][]string) (context.Context, error) {
	for _, token := range from["token"] {
		if user, ok := b.users[token]; ok {
			return context.WithValue(ctx, userKey{}, user), nil
		}
	}
	return ctx, errors.New("unknown token")
}

// A Network is where receivers listen. It notes what comes and goes.
type Network struct {
	mu      sync.Mutex
	receive map[string]func(token string) (user string, err error)
	notes   []string

	started func(name string) error // called when an authenticator starts, if it is there
	stopped func(ctx context.Context, name string)
}

var errRefused = errors.New("connection refused")

func (n *Network) Note(note string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes = append(n.notes, note)
}

// Listen makes a receiver known until the returned func is called.
func (n *Network) Listen(name string, receive func(token string) (string, error)) (hangUp func()) {
	n.Note("start " + name)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.receive == nil {
		n.receive = make(map[string]func(string) (string, error))
	}
	n.receive[name] = receive
	return func() {
		n.mu.Lock()
		delete(n.receive, name)
		n.mu.Unlock()
		n.Note("stop " + name)
	}
}

// Send sends to the receiver of that name and returns who sent, as it sees it.
func (n *Network) Send(name, token string) (user string, err error) {
	n.mu.Lock()
	receive, ok := n.receive[name]
	n.mu.Unlock()
	if !ok {
		return "", errRefused
	}
	return receive(token)
}

// Started and Stopped are called by authenticators.
func (n *Network) Started(name string) error {
	n.Note("start " + name)
	if n.started == nil {
		return nil
	}
	return n.started(name)
}

func (n *Network) Stopped(ctx context.Context, name string) {
	if n.stopped != nil {
		n.stopped(ctx, name)
	}
	n.Note("stop " + name)
}
