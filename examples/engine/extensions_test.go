// Tests of the extensions, each in a host of its own, and of their descriptions.

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilitytest"
	"github.com/typedcap/capability/extension"
)

// hosted starts an instance and returns what sees its exports. The test stops it.
func hosted(t *testing.T, is extension.Instance) (*extension.Host, *capability.Scope) {
	t.Helper()
	r := capability.NewRegistry(capability.Engine, "engine")
	host := extension.NewHost(extension.Options{})
	if err := host.Start(t.Context(), is.At(r)); err != nil {
		t.Fatal(err)
	}
	scope, err := capability.Compose(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := scope.Close(); err != nil {
			t.Error(err)
		}
		if err := host.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return host, scope
}

// leased resolves a query under leases.
func leased[V any](t *testing.T, s *capability.Scope, q capability.Query[V]) capability.Leased[V] {
	t.Helper()
	l, err := q.Leased(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestTokenIsRenewed lets time pass: a token is renewed before it expires, for as long as
// the issuer gives one.
func TestTokenIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		host, scope := hosted(t, Token.Instance("shipper", TokenConfig{"engine", "secret", Duration(time.Hour), 3}))
		credentials, health := leased(t, scope, Signing.Named("shipper")), leased(t, scope, Healths.Named("shipper"))
		type seen struct {
			After time.Duration
			Until time.Duration
			State extension.State
			Well  bool
		}
		var got []seen
		for _, after := range []time.Duration{0, 29 * time.Minute, 31 * time.Minute, 61 * time.Minute, 91 * time.Minute, 119 * time.Minute, 120 * time.Minute} {
			time.Sleep(time.Until(begin.Add(after)))
			synctest.Wait()
			s := seen{After: after, State: host.Status().Get()[0].State, Well: health.Use(Health.Check) == nil}
			_ = credentials.Use(func(c Credentials) error {
				signature := c.Sign([]byte("disk full"))
				if !signature.verify("secret", []byte("disk full")) || signature.verify("guess", []byte("disk full")) || signature.verify("secret", []byte("disk fine")) {
					t.Errorf("after %v, the signature does not tell who signed what", after)
				}
				s.Until = time.Unix(signature.Until, 0).Sub(begin)
				return nil
			})
			got = append(got, s)
		}
		want := []seen{
			{0, 60 * time.Minute, extension.Ready, true},
			{29 * time.Minute, 60 * time.Minute, extension.Ready, true},
			{31 * time.Minute, 90 * time.Minute, extension.Ready, true},
			{61 * time.Minute, 120 * time.Minute, extension.Ready, true},
			{91 * time.Minute, 120 * time.Minute, extension.Degraded, true}, // the issuer refused
			{119 * time.Minute, 120 * time.Minute, extension.Degraded, true},
			{120 * time.Minute, 120 * time.Minute, extension.Degraded, false}, // and the token has expired
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the token over time differs (-want +got):\n%s", diff)
		}
		wantHas(t, fmt.Sprint(host.Ready()), "shipper", "degraded", errIssuer.Error())
	})
}

func TestLimitIsReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, scope := hosted(t, RateLimit.Instance("few", LimitConfig{2, Duration(time.Minute)}))
		limit := leased(t, scope, Limits.Named("few"))
		var got []bool
		for range 2 {
			for range 3 {
				got = append(got, takes(limit))
			}
			time.Sleep(61 * time.Second)
			synctest.Wait()
		}
		if diff := cmp.Diff([]bool{true, true, false, true, true, false}, got); diff != "" {
			t.Errorf("what may pass differs (-want +got):\n%s", diff)
		}
	})
}

// TestDatasetFollowsItsFile changes, breaks and mends the file of a dataset.
func TestDatasetFollowsItsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "labels.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"/orders*": "orders", "/orders/7": "the seventh"}`)
	synctest.Test(t, func(t *testing.T) {
		host, scope := hosted(t, Dataset.Instance("owners", DatasetConfig{[]SourceConfig{
			{Name: "operator", File: file, Every: Duration(time.Second)},
			{Name: "built-in", Entries: map[string]string{"/orders*": "somebody", "*": "nobody"}},
		}}))
		lookup := leased(t, scope, Lookups.Named("owners"))
		type seen struct {
			Labels []string
			State  extension.State
		}
		look := func() (s seen) {
			time.Sleep(30 * time.Second) // longer than the pause of a source that fails
			synctest.Wait()
			_ = lookup.Use(func(l Lookup) error {
				for _, name := range []string{"/orders/7", "/orders/8", "/"} {
					label, _ := l.Label(name)
					s.Labels = append(s.Labels, label)
				}
				return nil
			})
			s.State = host.Status().Get()[0].State
			return s
		}
		got := []seen{look()}
		write(`{"/orders*": "the order desk"}`)
		got = append(got, look())
		write(`{"/orders*"`)
		got = append(got, look())
		write(`{}`)
		got = append(got, look())
		want := []seen{
			{[]string{"the seventh", "orders", "nobody"}, extension.Ready},
			{[]string{"the order desk", "the order desk", "nobody"}, extension.Ready},
			{[]string{"the order desk", "the order desk", "nobody"}, extension.Degraded},
			{[]string{"somebody", "somebody", "nobody"}, extension.Ready},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("labels differ (-want +got):\n%s", diff)
		}
	})
}

func TestExtensionsAreDescribed(t *testing.T) {
	for _, test := range []struct{ flag, golden string }{
		{"-extensions", "extensions.txt"},
		{"-extensions=markdown", "extensions.md"},
	} {
		status, got, stderr := engineRun(t, nil, test.flag)
		if status != 0 || stderr != "" {
			t.Errorf("%s: exit status %d and stderr %q", test.flag, status, stderr)
		}
		compareGolden(t, test.golden, got)
	}
	status, text, _ := engineRun(t, nil, "-extensions=json")
	var got extension.Reference
	if err := json.Unmarshal([]byte(text), &got); err != nil || status != 0 {
		t.Fatalf("exit status %d, and what is printed is no reference: %v", status, err)
	}
	if diff := cmp.Diff(reference(), got); diff != "" {
		t.Errorf("the reference in JSON differs (-want +got):\n%s", diff)
	}
	var stderr bytes.Buffer
	if status := run(t.Context(), silent, []string{"-extensions"}, nil, full{}, &stderr); status != 1 {
		t.Errorf("exit status is %d when the extensions cannot be printed, want 1", status)
	}
}

// TestNamesMeant checks the hints at what was meant.
func TestNamesMeant(t *testing.T) {
	known := []string{"throttle", "label", "ship", "shop"}
	for name, want := range map[string]string{
		"sample": `known are "label", "ship", "shop", "throttle"`,
		"labels": `did you mean "label"?`,
		"shp":    `did you mean "ship" or "shop"?`,
		"":       `known are "label", "ship", "shop", "throttle"`,
	} {
		if got := didYouMean(name, known); got != want {
			t.Errorf("didYouMean(%q) is %q, want %q", name, got, want)
		}
	}
	if got, want := didYouMean("a", nil), "there are none"; got != want {
		t.Errorf("didYouMean without names is %q, want %q", got, want)
	}
}

// The extensions keep the rules of extensions, used as nodes use them.
func TestExtensionsKeepTheRules(t *testing.T) {
	t.Run("dataset", func(t *testing.T) {
		config := DatasetConfig{Sources: []SourceConfig{{Name: "built-in", Entries: map[string]string{"*": "somebody"}}}}
		keepsTheRules(t, func() extension.Instance { return Dataset.Instance("owners", config) }, Lookups, func(l Lookup) bool {
			label, ok := l.Label("anything")
			return ok && label == "somebody"
		})
	})
	t.Run("ratelimit", func(t *testing.T) {
		config := LimitConfig{1 << 40, Duration(time.Hour)}
		keepsTheRules(t, func() extension.Instance { return RateLimit.Instance("few", config) }, Limits, Limit.Take)
	})
	t.Run("token", func(t *testing.T) {
		config := TokenConfig{Subject: "engine", Secret: "secret", Lifetime: Duration(time.Hour)}
		keepsTheRules(t, func() extension.Instance { return Token.Instance("shipper", config) }, Signing, func(c Credentials) bool {
			return c.Sign([]byte("report")).By == "engine"
		})
	})
}

// keepsTheRules tests an extension by what it exports, of which works says whether it does.
func keepsTheRules[T any](t *testing.T, open func() extension.Instance, key capability.Capability[T], works func(T) bool) {
	capabilitytest.TestExtension(t, open, capabilitytest.ExtensionOptions{Use: func(s *capability.Scope) error {
		l, err := key.Leased(s)
		if err != nil {
			return err
		}
		return l.Use(func(v T) error {
			if !works(v) {
				return fmt.Errorf("%v does not work", key)
			}
			return nil
		})
	}})
}
