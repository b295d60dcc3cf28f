// What the library answers to names that are no names, wherever one can be
// given.

package capability_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

// badNames are names that are refused everywhere.
var badNames = map[string]string{
	"empty":              "",
	"201-bytes":          strings.Repeat("n", 201),
	"201-bytes-of-runes": strings.Repeat("é", 100) + "n",
	"1-MiB":              strings.Repeat("n", 1<<20),
	"1-MiB-of-garbage":   strings.Repeat("\xff", 1<<20),
	"1-MiB-of-runes":     strings.Repeat("\u202e", 1<<20/3),
	"invalid-utf8":       "las\xffer",
	"cut-rune":           "laser\xe2\x82",
	"surrogate":          "laser\xed\xa0\x80",
	"overlong":           "laser\xc0\xaf",
	"nul":                "las\x00er",
	"newline":            "laser\n",
	"tab":                "las\ter",
	"escape":             "\x1b[31mlaser",
	"delete":             "laser\x7f",
	"c1-control":         "laser\u0085",
	"bidi-override":      "\u202elaser",
	"bidi-isolate":       "laser\u2066",
	"bidi-mark":          "la\u200eser",
	"zero-width-space":   "la\u200bser",
	"zero-width-joiner":  "la\u200dser",
	"word-joiner":        "la\u2060ser",
	"soft-hyphen":        "la\u00adser",
	"bom":                "\ufefflaser",
	"tag":                "laser\U000e0041",
	"space":              "la ser",
	"only-space":         " ",
	"no-break-space":     "la\u00a0ser",
	"wide-space":         "la\u3000ser",
	"line-separator":     "la\u2028ser",
	"private-use":        "la\ue000ser",
	"noncharacter":       "la\uffffser",
	"unassigned":         "la\u0378ser",
}

// goodNames are names that are accepted everywhere.
var goodNames = map[string]string{
	"1-byte":       "n",
	"200-bytes":    strings.Repeat("n", 200),
	"200-in-runes": strings.Repeat("é", 100),
	"path":         "tenants/7f/laser.v2:main@eu#1",
	"quotes":       `"laser"\'`,
	"percent":      "%s%!d(MISSING)",
	"chinese":      "打印机",
	"emoji":        "🖨",
	"combining":    "lase\u0301r",
	"replacement":  "las\ufffder",
}

// namePlaces are all the places where a name can be given. Each uses the name in
// an office and returns what comes of it.
var namePlaces = map[string]struct {
	try func(o *office, name string) error
	bad capability.Code // of a bad name
	// Of a good name that nobody has; "" if it is accepted.
	good capability.Code
}{
	"bind":   {func(o *office, n string) error { return o.floor.Apply(o.printers.Bind(n, o.laser)) }, capability.ErrInvalid, ""},
	"rebind": {func(o *office, n string) error { return o.floor.Apply(o.printers.Rebind(n, o.laser)) }, capability.ErrInvalid, capability.ErrUnknown},
	"unbind": {func(o *office, n string) error { return o.floor.Apply(o.printers.Unbind(n)) }, capability.ErrInvalid, capability.ErrUnknown},
	"before": {func(o *office, n string) error {
		return o.floor.Apply(o.printers.Bind("photo", o.laser).Before("laser", n))
	}, capability.ErrInvalid, ""},
	"after": {func(o *office, n string) error {
		return o.floor.Apply(o.printers.Bind("photo", o.laser).After(n, "laser"))
	}, capability.ErrInvalid, ""},
	"mask":   {func(o *office, n string) error { return o.floor.Apply(o.printers.Mask("laser", n)) }, capability.ErrInvalid, capability.ErrUnknown},
	"select": {func(o *office, n string) error { return o.floor.Apply(o.printers.Select(n, "laser")) }, capability.ErrInvalid, capability.ErrUnknown},
	"mask-by-name": {func(o *office, n string) error {
		return o.floor.Apply(capability.Mask("printer", n))
	}, capability.ErrInvalid, capability.ErrUnknown},
	"select-by-name": {func(o *office, n string) error {
		return o.floor.Apply(capability.Select("printer", n))
	}, capability.ErrInvalid, capability.ErrUnknown},
	"mask-of-capability": {func(o *office, n string) error {
		return o.floor.Apply(capability.Mask(n, "laser"))
	}, capability.ErrInvalid, capability.ErrUnknown},
	"select-of-capability": {func(o *office, n string) error {
		return o.floor.Apply(capability.Select(n, "laser"))
	}, capability.ErrInvalid, capability.ErrUnknown},
	"clear-of-capability": {func(o *office, n string) error {
		return o.floor.Apply(capability.Mask(n))
	}, capability.ErrInvalid, capability.ErrUnknown},
	"named": {func(o *office, n string) error {
		_, err := o.printers.Named(n).Handle(o.scope)
		return err
	}, capability.ErrInvalid, capability.ErrNotProvided},
	"named-check": {func(o *office, n string) error {
		var h capability.Handle[printer]
		return o.scope.Check(o.printers.Named(n).Into(&h))
	}, capability.ErrInvalid, capability.ErrNotProvided},
	"registry-apply": {func(o *office, n string) error {
		return capability.NewRegistry(150, n).Apply(o.printers.Bind("photo", o.laser))
	}, capability.ErrInvalid, ""},
	"registry-commit": {func(o *office, n string) error {
		return capability.Commit(o.city.Stage(o.printers.Bind("photo", o.laser).Priority(-2)), capability.NewRegistry(150, n).Stage())
	}, capability.ErrInvalid, ""},
	"registry-compose": {func(o *office, n string) error {
		_, err := capability.Compose(o.city, capability.NewRegistry(150, n))
		return err
	}, capability.ErrInvalid, ""},
	"registry-with": {func(o *office, n string) error {
		_, err := o.scope.With(capability.NewRegistry(150, n))
		return err
	}, capability.ErrInvalid, ""},
	"new": {func(_ *office, n string) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = p.(error)
			}
		}()
		capability.New[printer](n, "prints pages")
		return nil
	}, capability.ErrInvalid, ""},
}

// TestBadNames gives every bad name in every place.
func TestBadNames(t *testing.T) {
	for place, p := range namePlaces {
		for kind, name := range badNames {
			if name == "" && strings.HasPrefix(place, "named") {
				continue // the one provider
			}
			t.Run(place+"/"+kind, func(t *testing.T) {
				o := newOffice(t)
				before := o.state(t)
				err := p.try(o, name)
				refused(t, err, p.bad)
				if diff := cmp.Diff(before, o.state(t)); diff != "" {
					t.Errorf("the refusal left a trace (-want +got):\n%s", diff)
				}
				if most := 600; err != nil && len(err.Error()) > most {
					t.Errorf("the text has %d bytes, want at most %d: %v", len(err.Error()), most, err)
				}
			})
		}
	}
}

// TestGoodNames gives every good name in every place.
func TestGoodNames(t *testing.T) {
	for place, p := range namePlaces {
		for kind, name := range goodNames {
			t.Run(place+"/"+kind, func(t *testing.T) {
				err := p.try(newOffice(t), name)
				if p.good == "" {
					if err != nil {
						t.Errorf("refused: %v", err)
					}
					return
				}
				refused(t, err, p.good)
			})
		}
	}
}

// TestManyBadNamesAtOnce gives all bad names in one transaction: all of them are
// reported.
func TestManyBadNamesAtOnce(t *testing.T) {
	o := newOffice(t)
	var changes []capability.Change
	for _, name := range badNames {
		changes = append(changes, o.printers.Bind(name, o.laser), o.printers.Bind("photo", o.laser).After(name))
	}
	o.refuses(t, capability.ErrInvalid, o.floor, changes...)
	err := o.floor.Apply(changes...)
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%T, want several errors", err)
	}
	if diff := cmp.Diff(len(changes), len(several.Unwrap())); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}
