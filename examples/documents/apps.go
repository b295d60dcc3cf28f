// The apps that come with the program: what an accountant binds to the archive.

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/typedcap/capability"
)

// The codes of the apps. A front end finds its text and its colour by them.
const (
	Quarantine capability.Code = "quarantine"
	Malformed  capability.Code = "malformed"
	Incomplete capability.Code = "incomplete"
)

// today is the day on which the program plays.
var today = time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)

// received is the injector that stamps the document.
func received(d Document) (Document, error) {
	return d.With("received", today.Format(time.DateOnly)), nil
}

// currency is the injector that splits the amount. Its author never saw one without
// a currency: then it panics between its two changes.
func currency(d Document) (Document, error) {
	words := strings.Fields(d.Field("amount"))
	d = d.With("net", words[0])
	return d.With("currency", words[1]), nil
}

// language is the injector that guesses the language of the text.
func language(d Document) (Document, error) {
	if strings.Contains(d.Field("text"), "Rechnung") {
		return d.With("language", "de"), nil
	}
	return d.With("language", "en"), nil
}

// titled is the validator that wants a title for the shelf.
func titled(d Document) error {
	switch n := len(d.Field("title")); {
	case n == 0:
		return fmt.Errorf("%w: it has no title", Incomplete)
	case n > 30:
		return fmt.Errorf("%w: the title has %d bytes, and the shelf shows 30", Malformed, n)
	}
	return nil
}

// scan is the validator that looks for what could do harm. What it finds matters
// more than a wrong title, so it says so.
func scan(d Document) error {
	if strings.Contains(d.Field("text"), "=cmd|") {
		return &capability.Error{Code: Quarantine, Priority: 10, Err: errors.New("the text holds a spreadsheet macro")}
	}
	return nil
}

// needs returns the schema of documents that have these fields.
func needs(fields ...string) Validator {
	return func(d Document) error {
		var missing []string
		for _, name := range fields {
			if d.Field(name) == "" {
				missing = append(missing, name)
			}
		}
		if missing != nil {
			return fmt.Errorf("%w: it lacks %s", Incomplete, strings.Join(missing, ", "))
		}
		return nil
	}
}

// retention votes for the deletion of what is ten years old.
func retention(d Document) (bool, error) {
	day, err := time.Parse(time.DateOnly, d.Field("date"))
	if err != nil {
		return false, fmt.Errorf("%w: the date %q is no day", Malformed, d.Field("date"))
	}
	return !day.AddDate(10, 0, 0).After(today), nil
}

// lawyer votes for the deletion of what no case needs. For documents of a case it
// would have to ask the court, which does not answer.
func lawyer(d Document) (bool, error) {
	if d.Field("case") == "" {
		return true, nil
	}
	return false, fmt.Errorf("case %s: the court does not answer", d.Field("case"))
}

// involved is the interest of the lawyer.
func involved(d Document) (bool, error) {
	free, err := lawyer(d)
	return !free, err
}

// unpaid is the interest of who collects debts.
func unpaid(d Document) (bool, error) { return d.Field("amount") != "" && d.Field("paid") == "", nil }

// A listing is the sink that notes the documents that it was told about.
type listing struct {
	mu  sync.Mutex
	ids []string
}

func (l *listing) tell(_ context.Context, d Document) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids = append(l.ids, d.ID())
	return nil
}

// String returns the names of the documents in the order in which they came.
func (l *listing) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.ids, " ")
}

// mail is the sink that died.
func mail(context.Context, Document) error { return errors.New("the mail server does not answer") }
