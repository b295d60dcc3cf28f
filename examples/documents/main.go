// Documents is the archive of an accountant. What happens to a document when it is
// stored or deleted is decided by apps, some of which fail: the update goes on
// without them where it can, and nothing of what they said gets lost.

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/typedcap/capability"
)

// register makes the registries and binds the apps. This is the only place that
// knows who does what.
//
//	archive                    received currency language, titled scan, both schemas, votes, sinks
//	invoices   letters         schema of invoices; no currency, no ledger
func register(search, ledger *listing) (archive, invoices, letters *capability.Registry, err error) {
	archive = capability.NewRegistry(capability.Engine, "archive")
	invoices = capability.NewRegistry(LevelIndex, "invoices")
	letters = capability.NewRegistry(LevelIndex, "letters")
	err = capability.Commit(
		archive.Stage(
			Injectors.Bind("received", received),
			Injectors.Bind("currency", currency),
			Injectors.Bind("language", language),
			Validators.Bind("titled", titled),
			Validators.Bind("scan", scan),
			Schemas.Bind("invoices", needs("date", "amount")),
			Schemas.Bind("letters", needs("date", "text")),
			Deletable.Bind("retention", retention),
			Deletable.Bind("lawyer", lawyer),
			Interested.Bind("debts", unpaid),
			Interested.Bind("lawyer", involved),
			Sinks.Bind("search", search.tell),
			Sinks.Bind("mail", mail),
			Sinks.Bind("ledger", ledger.tell),
		),
		invoices.Stage(
			Schemas.Rebind("invoices", needs("date", "amount", "tax")), // the tax office wants more than the archive
		),
		letters.Stage(
			Injectors.Mask("currency"), // letters have no amounts
			Sinks.Mask("ledger"),
		),
	)
	return archive, invoices, letters, err
}

func run(out io.Writer) error {
	var search, ledger listing
	archive, own, ownLetters, err := register(&search, &ledger)
	if err != nil {
		return err
	}
	invoices, err := openIndex(own, archive)
	if err != nil {
		return err
	}
	defer invoices.Close()
	letters, err := openIndex(ownLetters, archive)
	if err != nil {
		return err
	}
	defer letters.Close()

	p := printer{out}
	for _, d := range []Document{
		NewDocument("paper", map[string]string{
			"title": "Paper", "date": "2026-02-27", "amount": "118.00 EUR", "tax": "DE811", "text": "Rechnung 4711",
		}),
		NewDocument("ink", map[string]string{
			"title": "Ink", "date": "2014-05-09", "amount": "20.00", "tax": "DE811", "text": "Invoice 12", "paid": "yes",
		}),
		NewDocument("prize", map[string]string{
			"title": "You are the winner of our great prize", "amount": "1 USD", "date": "2026-03-01", "text": "=cmd|open",
		}),
	} {
		p.put(invoices, d)
	}
	for _, d := range []Document{
		NewDocument("thanks", map[string]string{"title": "Thanks", "date": "2012-12-20", "text": "Season's greetings"}),
		NewDocument("claim", map[string]string{"title": "Claim", "date": "2015-01-30", "text": "See you in court", "case": "C-12"}),
	} {
		p.put(letters, d)
	}
	fmt.Fprintf(out, "search knows %v\nledger knows %v\n", &search, &ledger)

	p.wanted(invoices, "paper")
	p.wanted(invoices, "ink")
	p.wanted(letters, "claim")
	p.delete(invoices, "paper")
	p.delete(invoices, "ink")
	p.delete(letters, "thanks")
	p.delete(letters, "claim")
	return nil
}

// A printer does what it says, and prints what came of it.
type printer struct{ out io.Writer }

func (p printer) put(ix *Index, d Document) {
	fmt.Fprintf(p.out, "put %s of %s\n", d.ID(), ix.name)
	r, refused := ix.Put(context.Background(), d)
	if refused == nil {
		fmt.Fprintf(p.out, "  stored %v\n", r.Document)
	}
	p.faults("refused", refused)
	p.faults("passed over", r.PassedOver)
	p.faults("not told", r.Untold)
	if refused != nil {
		p.wire(refused)
	}
	fmt.Fprintln(p.out)
}

func (p printer) wanted(ix *Index, id string) {
	yes, err := ix.Wanted(id)
	fmt.Fprintf(p.out, "%s is wanted: %v\n", id, yes)
	p.faults("did not answer", err)
}

func (p printer) delete(ix *Index, id string) {
	deleted, err := ix.Delete(id)
	fmt.Fprintf(p.out, "%s is deleted: %v\n", id, deleted)
	p.faults("could not vote", err)
}

// faults prints a line for each error in err, which matters most first. To a
// program an error of a provider is data, not a text to be parsed.
func (p printer) faults(title string, err error) {
	if err == nil {
		return
	}
	fmt.Fprintf(p.out, "  %s\n", title)
	for _, part := range parts(err) {
		if e := (*capability.Error)(nil); errors.As(part, &e) {
			fmt.Fprintf(p.out, "    %2d  %-10s  %-8s  %v\n", e.Priority, cmp.Or(e.Code, "-"), e.Provider, e.Err)
		} else {
			fmt.Fprintf(p.out, "    %v\n", part)
		}
	}
}

// wire prints the errors in err as they would go to another program.
func (p printer) wire(err error) {
	fmt.Fprintln(p.out, "  as JSON")
	for _, part := range parts(err) {
		text, err := json.Marshal(part)
		if err != nil {
			text = []byte(err.Error())
		}
		fmt.Fprintf(p.out, "    %s\n", text)
	}
}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "documents:", err)
		os.Exit(1)
	}
}
