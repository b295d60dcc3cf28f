// Authenticators: who is calling. They are asked one after the other until one
// knows.

package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/typedcap/capability"
)

// A User is who is calling.
type User string

// anonymous is who is calling if no authenticator knows.
const anonymous User = "anonymous"

// An Authenticator decides who is calling, or does not decide, which leaves the
// request to the next one. An error says that the credentials are wrong: then
// nobody else is asked, so that a wrong password never ends as anonymous.
type Authenticator func(*http.Request) (capability.Decision[User], error)

// Unauthorized is the code of wrong credentials.
const Unauthorized capability.Code = "unauthorized"

func unauthorized(why string) error {
	return &capability.Error{Code: Unauthorized, Err: errors.New(why)}
}

var (
	// Auth is asked with Decide: the first who knows the caller wins.
	Auth = capability.New[Authenticator]("auth", "decides who is calling")

	// UserRequired is asked for the one provider: the narrowest registry that has
	// an opinion wins.
	UserRequired = capability.New[bool]("user-required", "says whether anonymous callers are turned away")
)

// cookie knows callers by the session that their browser sends. A session that has
// ended is no decision: browsers go on sending it.
func cookie(sessions map[string]User) Authenticator {
	return func(r *http.Request) (d capability.Decision[User], err error) {
		c, err := r.Cookie("session")
		if err != nil {
			return d, nil // there is none
		}
		if user, ok := sessions[c.Value]; ok {
			return capability.Decided(user), nil
		}
		return d, nil
	}
}

// bearer knows callers by their token. Who sends an unknown one is refused.
func bearer(tokens map[string]User) Authenticator {
	return func(r *http.Request) (d capability.Decision[User], err error) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			return d, nil
		}
		user, ok := tokens[token]
		if !ok {
			return d, unauthorized("the token is unknown")
		}
		return capability.Decided(user), nil
	}
}

// proxy believes a proxy that says who is calling and signs it.
func proxy(secret string) Authenticator {
	return func(r *http.Request) (d capability.Decision[User], err error) {
		user := r.Header.Get("X-User")
		if user == "" {
			return d, nil
		}
		if !hmac.Equal([]byte(r.Header.Get("X-Signature")), []byte(signature(secret, user))) {
			return d, unauthorized("the signature of the proxy is wrong")
		}
		return capability.Decided(User(user)), nil
	}
}

// signature returns what a proxy that has the secret sends with the name.
func signature(secret, user string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(user))
	return hex.EncodeToString(mac.Sum(nil))
}

// callerKey is the key under which a request has its User.
type callerKey struct{}

func withCaller(r *http.Request, u User) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, u))
}

// Caller returns who sent the request.
func Caller(r *http.Request) User {
	u, _ := r.Context().Value(callerKey{}).(User)
	return u
}
