// The extension token: credentials that are renewed in the background. It shows an
// extension with two exports, and one that says when it does not work well.

package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/extension"
)

// Credentials sign what is sent, so that who gets it knows who sent it and when.
type Credentials interface {
	Sign(payload []byte) Signature
}

// A Signature says who sent something. Who shares the secret with the issuer can check it.
type Signature struct {
	By    string `json:"by"`
	Until int64  `json:"until"` // when the token expires with which it was made, in Unix time
	Sum   []byte `json:"sum"`
}

// Health says whether something works.
type Health interface {
	Check() error
}

// What others need of extensions is leased: an instance that was replaced is stopped as
// soon as the last call that uses it has returned.
var (
	// Signing is asked for by name.
	Signing = capability.New[Credentials]("credentials", "sign what is sent", capability.OnlyLeased())

	// Healths are asked for by name.
	Healths = capability.New[Health]("health", "says whether something works", capability.OnlyLeased())
)

// A TokenConfig is the configuration of a token. The issuer is simulated: it needs no
// network, only the secret.
type TokenConfig struct {
	Subject  string   `json:"subject" doc:"whose token it is"`
	Secret   string   `json:"secret" doc:"what the issuer shares with those who check"`
	Lifetime Duration `json:"lifetime" doc:"how long a token is good; it is renewed after half of that"`
	Tokens   int      `json:"tokens" doc:"how many tokens the issuer gives before it refuses, to see what happens then; 0 is without end"`
}

// Validate returns what is wrong with the configuration.
func (c TokenConfig) Validate() error {
	var errs []error
	if c.Subject == "" {
		errs = append(errs, errors.New("subject is empty: say whose token it is"))
	}
	if c.Secret == "" {
		errs = append(errs, errors.New("secret is empty: give it the one of those who check"))
	}
	if time.Duration(c.Lifetime) < time.Second {
		errs = append(errs, fmt.Errorf("lifetime is %v: give it a second or more", c.Lifetime))
	}
	if c.Tokens < 0 {
		errs = append(errs, fmt.Errorf("tokens is %d: give it a number, or leave it out", c.Tokens))
	}
	return errors.Join(errs...)
}

// Token is the extension.
var Token = extension.Active[TokenConfig]{
	Manifest: extension.Manifest{
		Name: "token", Version: "1.0.0", URL: documentation + "token.go",
		Doc:    "keeps a signed token fresh",
		Levels: []capability.Level{capability.Engine, capability.Group},
	},
	Exports: []extension.Key{Signing, Healths},
	New: func(c TokenConfig, d extension.Dependencies) ([]capability.Binding, extension.Runner, error) {
		current := new(atomic.Pointer[token]) // all that the three of them share
		return []capability.Binding{
			Signing.Bind(d.Name, signer{c.Subject, current}),
			Healths.Bind(d.Name, freshness{current}),
		}, &renewal{issuer{c, 0}, time.Duration(c.Lifetime), current, d.Report}, nil
	},
}

// A token is what the issuer gives. It never changes.
type token struct {
	until time.Time
	key   []byte
}

// A signer is what the credentials are for others: the current token, with one load.
type signer struct {
	subject string
	current *atomic.Pointer[token]
}

func (s signer) Sign(payload []byte) Signature {
	t := s.current.Load()
	return Signature{s.subject, t.until.Unix(), sum(t.key, payload)}
}

// A freshness is what the health of the token is for others.
type freshness struct{ current *atomic.Pointer[token] }

func (f freshness) Check() error {
	if t := f.current.Load(); !time.Now().Before(t.until) {
		return fmt.Errorf("the token has expired at %s", t.until.UTC().Format(time.RFC3339))
	}
	return nil
}

// A renewal is what runs.
type renewal struct {
	issuer
	lifetime time.Duration
	current  *atomic.Pointer[token]
	report   func(error)
}

// Run is ready with the first token, and renews it until ctx ends. That the issuer
// refuses is no reason to give up: the token that there is may serve for a while.
func (r *renewal) Run(ctx context.Context, ready func()) error {
	t, err := r.issue(time.Now().Add(r.lifetime))
	if err != nil {
		return err
	}
	r.current.Store(t)
	ready()
	tick := time.NewTicker(r.lifetime / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		t, err := r.issue(time.Now().Add(r.lifetime))
		if err == nil {
			r.current.Store(t)
		}
		r.report(err)
	}
}

// An issuer gives tokens. The key of one follows from what everybody may know of it and
// from the secret, so that those who have the secret need not be told.
type issuer struct {
	TokenConfig
	given int
}

var errIssuer = errors.New("the issuer refuses to give another token")

func (i *issuer) issue(until time.Time) (*token, error) {
	if i.Tokens > 0 && i.given == i.Tokens {
		return nil, errIssuer
	}
	i.given++
	return &token{until, tokenKey(i.Secret, i.Subject, until.Unix())}, nil
}

func tokenKey(secret, subject string, until int64) []byte {
	return sum([]byte(secret), fmt.Appendf(nil, "%s %d", subject, until))
}

func sum(key, payload []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(payload)
	return h.Sum(nil)
}

// verify reports whether the signature was made by whom it says, of this payload.
func (s Signature) verify(secret string, payload []byte) bool {
	return hmac.Equal(s.Sum, sum(tokenKey(secret, s.By, s.Until), payload))
}
