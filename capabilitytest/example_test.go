package capabilitytest_test

import (
	"testing"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilitytest"
)

// A checkout is code under test: it resolves what it needs in the scope it is given.
func checkout(scope *capability.Scope, cents int) error {
	var card capability.Handle[Payer]
	var mails capability.ChainHandle[func(string)]
	if err := scope.Resolve(Payments.Named("card").Into(&card), Mails.All().Into(&mails)); err != nil {
		return err
	}
	if err := card.Get().Pay(cents); err != nil {
		return err
	}
	for _, send := range mails.Get().All() {
		send("thank you")
	}
	return nil
}

// The test puts fakes on top of the scope of the program, and looks at what they were
// called with. The fakes are gone when the test ends.
func TestCheckout(t *testing.T) {
	capabilitytest.NoLeaks(t)
	var paid capabilitytest.Recorder[int]
	var sent capabilitytest.Recorder[string]
	scope := capabilitytest.Overlay(t, production(t),
		Payments.Rebind("card", payFunc(func(cents int) error { paid.Record(cents); return nil })),
		Mails.Rebind("smtp", sent.Record),
	)
	if err := checkout(scope, 1999); err != nil {
		t.Fatal(err)
	}
	paid.Called(t, 1999)
	sent.CalledWith(t, "thank you")
	sent.CalledTimes(t, 1)
}
