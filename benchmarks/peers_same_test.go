// All peers do the same work and return the same results.

package benchmarks

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/typedcap/capability"
)

// A noted check notes when it is asked.
type noted struct {
	Check
	index int
	asked *[]int
}

func (c *noted) Admit(order int) error {
	*c.asked = append(*c.asked, c.index)
	return c.Check.Admit(order)
}

func (c *noted) Amend(order, price int) (int, error) {
	*c.asked = append(*c.asked, c.index)
	return c.Check.Amend(order, price)
}

// noting returns n checks and where they note who was asked.
func noting(n int) (checks []Check, asked *[]int) {
	asked = new([]int)
	for i, c := range makeChecks(n, false) {
		checks = append(checks, &noted{c, i, asked})
	}
	return checks, asked
}

// TestPeersLookup looks each of four checks up with each peer. The sum of the prices
// must be that of the field, and the right check must be asked once for each order.
func TestPeersLookup(t *testing.T) {
	const orders = 100
	// All four types come first once, because a hook has the func of a type.
	for first := range 4 {
		checks := makeChecks(4, false)
		checks = append(checks[first:], checks[:first]...)
		h := newHub(t, checks)
		want := orders * (orders - 1) / 2
		for i := range orders {
			price, err := checks[0].Amend(i, 0)
			if err != nil {
				t.Fatal(err)
			}
			want += price
		}
		for _, v := range lookups {
			if got := v.loop(h, orders); got != want {
				t.Errorf("with a %T, %s: the prices of %d orders sum to %d, want %d", checks[0], v.name, orders, got, want)
			}
		}
	}
	checks, asked := noting(4)
	h := newHub(t, checks)
	for _, v := range lookups {
		*asked = nil
		v.loop(h, orders)
		if want := make([]int, orders); !slices.Equal(*asked, want) {
			t.Errorf("%s: %d orders asked %d times, the checks %v; want the check 0 for each", v.name, orders, len(*asked), slices.Compact(*asked))
		}
	}
}

// TestPeersDispatch has orders admitted, and refused by each of four checks in turn.
func TestPeersDispatch(t *testing.T) {
	checks, asked := noting(4)
	everyone := []int{0, 1, 2, 3}
	h, plain := newHub(t, checks), newHub(t, makeChecks(4, false))
	for _, v := range dispatches {
		t.Run(v.name, func(t *testing.T) {
			for order := range 20 { // dig and maps draw their order
				*asked = nil
				if err := v.way(h, order); err != nil {
					t.Fatalf("the order %d is refused: %v", order, err)
				}
				if v.unordered {
					slices.Sort(*asked)
				}
				if !slices.Equal(*asked, everyone) {
					t.Fatalf("the order %d asks the checks %v, want %v", order, *asked, everyone)
				}
			}
			for refuser := range everyone {
				order := -1 - refuser // which that check never admits
				*asked = nil
				err := v.way(h, order)
				if !errors.Is(err, errRefused) {
					t.Fatalf("the order that check %d refuses: %v", refuser, err)
				}
				if last := (*asked)[len(*asked)-1]; last != refuser {
					t.Errorf("the order that check %d refuses asks the checks %v: somebody is asked after it", refuser, *asked)
				}
				if err := v.way(plain, order); !errors.Is(err, errRefused) {
					t.Errorf("the order that check %d refuses, asked of checks that note nothing: %v", refuser, err)
				}
				if v.unordered {
					continue
				}
				if want := everyone[:refuser+1]; !slices.Equal(*asked, want) {
					t.Errorf("the order that check %d refuses asks the checks %v, want %v", refuser, *asked, want)
				}
				if got := blamed(err); got != fmt.Sprintf("check-%d", refuser) {
					t.Errorf("the order that check %d refuses: the error blames %q: %v", refuser, got, err)
				}
			}
		})
	}
}

// blamed returns the check that an error names.
func blamed(err error) string {
	if e, ok := errors.AsType[*capability.Error](err); ok {
		return e.Provider
	}
	if e, ok := errors.AsType[*stepError](err); ok {
		return fmt.Sprintf("check-%d", e.step)
	}
	return ""
}

// TestPeersReplace replaces a provider several times. Each consumer must see each
// replacement, but for the one with a provider of its own.
func TestPeersReplace(t *testing.T) {
	checks := makeChecks(4, false) // of four types, which amend by different amounts
	all, own := checks[:3], checks[3]
	for _, v := range markets {
		for _, consumers := range []int{1, 5} {
			if v.shared && consumers > 1 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", v.name, consumers), func(t *testing.T) {
				m, err := v.open(consumers, all[0], own)
				if err != nil {
					t.Fatal(err)
				}
				if m.close != nil {
					defer m.close()
				}
				for round := range 7 {
					now := all[round%3]
					if round > 0 {
						if err := m.replace(now); err != nil {
							t.Fatal(err)
						}
					}
					for consumer := range consumers {
						seen := now
						if consumer == special {
							seen = own
						}
						want, _ := seen.Amend(round, round)
						if got, err := m.ask(consumer, round); err != nil || got != want {
							t.Errorf("after replacement %d the consumer %d gets %d, %v; want %d", round, consumer, got, err, want)
						}
					}
				}
			})
		}
	}
}

// TestPeersReplaceOnce has the peers without a market refuse a second provider.
func TestPeersReplaceOnce(t *testing.T) {
	h := newHub(t, makeChecks(4, false))
	second := h.checks[1]
	t.Run("tailscale", func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("a hook can be set twice")
			}
		}()
		h.amend.Set(amendOf(second))
	})
	t.Run("dig", func(t *testing.T) {
		if err := h.container.Provide(func() Check { return second }); err == nil {
			t.Error("dig provides a type twice")
		}
		if err := h.container.Decorate(func(Check) Check { return second }); err != nil {
			t.Fatal(err)
		}
		if err := h.container.Decorate(func(Check) Check { return h.check }); err == nil {
			t.Error("dig decorates a type twice")
		}
	})
}
