// Tests of the archive: its printed output, and what becomes of documents when apps
// fail in all the ways in which they can.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

const output = `put paper of invoices
  stored paper amount="118.00 EUR" currency="EUR" date="2026-02-27" language="de" net="118.00" received="2026-03-02" tax="DE811" text="Rechnung 4711" title="Paper"
  not told
     0  -           mail      the mail server does not answer

put ink of invoices
  stored ink amount="20.00" date="2014-05-09" language="en" paid="yes" received="2026-03-02" tax="DE811" text="Invoice 12" title="Ink"
  passed over
     0  panic       currency  it panicked: runtime error: index out of range [1] with length 1
  not told
     0  -           mail      the mail server does not answer

put prize of invoices
  refused
    10  quarantine  scan      the text holds a spreadsheet macro
     0  malformed   titled    malformed: the title has 37 bytes, and the shelf shows 30
     0  incomplete  invoices  incomplete: it lacks tax
  as JSON
    {"code":"quarantine","capability":"validator","provider":"scan","scope":"archive","priority":10,"cause":{"error":{"code":"quarantine","priority":10,"cause":{"text":"the text holds a spreadsheet macro"}}}}
    {"code":"malformed","capability":"validator","provider":"titled","scope":"archive","cause":{"text":"malformed: the title has 37 bytes, and the shelf shows 30","causes":[{"code":"malformed"}]}}
    {"code":"incomplete","capability":"schema","provider":"invoices","scope":"invoices over archive","cause":{"text":"incomplete: it lacks tax","causes":[{"code":"incomplete"}]}}

put thanks of letters
  stored thanks date="2012-12-20" language="en" received="2026-03-02" text="Season's greetings" title="Thanks"
  not told
     0  -           mail      the mail server does not answer

put claim of letters
  stored claim case="C-12" date="2015-01-30" language="en" received="2026-03-02" text="See you in court" title="Claim"
  not told
     0  -           mail      the mail server does not answer

search knows paper ink thanks claim
ledger knows paper ink
paper is wanted: true
ink is wanted: false
claim is wanted: false
  did not answer
     0  -           lawyer    case C-12: the court does not answer
paper is deleted: false
ink is deleted: true
thanks is deleted: true
claim is deleted: false
  could not vote
     0  -           lawyer    case C-12: the court does not answer
`

func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(output, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// Busy is the code of apps that fail with a code and a priority of their own.
const Busy capability.Code = "busy"

var (
	errBusy = &capability.Error{Code: Busy, Priority: 7, Err: io.ErrUnexpectedEOF}
	letter  = NewDocument("letter", map[string]string{"text": "Dear all"})
)

func anything(Document) error { return nil }

// registries returns an archive where nobody but a schema for letters is bound, and
// then what is in the changes, and the registry of the letters.
func registries(t *testing.T, changes ...capability.Change) (archive, own *capability.Registry) {
	t.Helper()
	archive = capability.NewRegistry(capability.Engine, "archive")
	own = capability.NewRegistry(LevelIndex, "letters")
	if err := archive.Apply(Schemas.Bind("letters", anything), capability.Changes(changes)); err != nil {
		t.Fatal(err)
	}
	return archive, own
}

// openLetters opens the index letters, for the time of the test.
func openLetters(t *testing.T, own, archive *capability.Registry) *Index {
	t.Helper()
	ix, err := openIndex(own, archive)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ix.Close(); err != nil {
			t.Error(err)
		}
	})
	return ix
}

// letters opens the index letters over an archive with the changes.
func letters(t *testing.T, changes ...capability.Change) *Index {
	t.Helper()
	archive, own := registries(t, changes...)
	return openLetters(t, own, archive)
}

// faults returns provider, code and priority of each error in err.
func faults(err error) []string {
	var all []string
	for _, part := range parts(err) {
		if e := (*capability.Error)(nil); errors.As(part, &e) {
			all = append(all, fmt.Sprintf("%s/%s %s %d", e.Capability, e.Provider, e.Code, e.Priority))
		} else if part != nil {
			all = append(all, part.Error())
		}
	}
	return all
}

func wantFaults(t *testing.T, what string, err error, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, faults(err)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func wantDocument(t *testing.T, ix *Index, want Document) {
	t.Helper()
	got, err := ix.Get(want.ID())
	if err != nil {
		t.Error(err)
	} else if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Errorf("stored document (-want +got):\n%s", diff)
	}
}

func TestDocumentNeverChanges(t *testing.T) {
	fields := map[string]string{"text": "Dear all"}
	d := NewDocument("letter", fields)
	fields["text"] = "Dear Sir"
	other := d.With("text", "Dear Madam")
	more := NewDocument("empty", nil).With("language", "en")
	want := []string{`letter text="Dear all"`, `letter text="Dear Madam"`, `empty language="en"`}
	if diff := cmp.Diff(want, []string{d.String(), other.String(), more.String()}); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
}

// waysToInject are what an injector may do, by the rank of the error that comes of
// it. All change the document before they fail.
var waysToInject = []struct {
	rank  int // the greater speaks first; 0 is no error
	fault string
	then  func(Document) (Document, error)
}{
	{0, "", func(d Document) (Document, error) { return d, nil }},
	{1, " 0", func(d Document) (Document, error) { return d, io.ErrClosedPipe }},
	{1, " 0", func(d Document) (Document, error) { return Document{}, nil }},
	{1, " 0", func(d Document) (Document, error) { return NewDocument("other", d.fields), nil }},
	{2, "panic 0", func(Document) (Document, error) { panic(io.ErrClosedPipe) }},
	{3, "busy 7", func(Document) (Document, error) { return Document{}, errBusy }},
}

// TestEveryMixOfInjectors lets three injectors do what they may, in every mix: the
// document has the fields of the good ones, each of which saw those of the good ones
// before it, and nothing of the others.
func TestEveryMixOfInjectors(t *testing.T) {
	n := len(waysToInject)
	for mix := range n * n * n {
		names := []string{"first", "middle", "last"}
		want := letter
		ranked := make([][]string, 4)
		var changes []capability.Change
		for i, name := range names {
			way := waysToInject[[]int{mix / n / n, mix / n % n, mix % n}[i]]
			changes = append(changes, Injectors.Bind(name, func(d Document) (Document, error) {
				return way.then(d.With(name, fmt.Sprint(len(d.fields))).With("half", name))
			}))
			if way.rank == 0 {
				want = want.With(name, fmt.Sprint(len(want.fields))).With("half", name)
				continue
			}
			ranked[way.rank] = append(ranked[way.rank], "injector/"+name+" "+way.fault)
		}
		slices.Reverse(ranked)
		t.Run(fmt.Sprint(mix), func(t *testing.T) {
			ix := letters(t, changes...)
			r, err := ix.Put(t.Context(), letter)
			wantFaults(t, "refusal", err)
			wantFaults(t, "passed over", r.PassedOver, slices.Concat(ranked...)...)
			wantDocument(t, ix, want)
			if diff := cmp.Diff(want.String(), r.Document.String()); diff != "" {
				t.Errorf("document of the receipt (-want +got):\n%s", diff)
			}
			if letter.String() != `letter text="Dear all"` {
				t.Errorf("the document of the caller is now %v", letter)
			}
		})
	}
}

// A panic with an error is an error that wraps it and has the stack; an Error that
// an app returns keeps its cause.
func TestCausesOfInjectors(t *testing.T) {
	ix := letters(t,
		Injectors.Bind("greedy", func(d Document) (Document, error) { panic(io.ErrShortBuffer) }),
		Injectors.Bind("busy", func(d Document) (Document, error) { return d, errBusy }),
	)
	r, err := ix.Put(t.Context(), letter)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []error{io.ErrShortBuffer, capability.ErrPanic, Busy, io.ErrUnexpectedEOF} {
		if !errors.Is(r.PassedOver, want) {
			t.Errorf("the error is not %v: %v", want, r.PassedOver)
		}
	}
	if p := (*capability.PanicError)(nil); !errors.As(r.PassedOver, &p) || !bytes.Contains(p.Stack, []byte("TestCausesOfInjectors")) {
		t.Errorf("no stack that leads to the app in %v", r.PassedOver)
	}
}

// Who validates sees the injected fields: a schema may want one. If its injector
// failed, the refusal comes with the reason.
func TestInjectedFieldIsNeeded(t *testing.T) {
	archive, own := registries(t, Injectors.Bind("stamp", received))
	if err := own.Apply(Schemas.Rebind("letters", needs("received"))); err != nil {
		t.Fatal(err)
	}
	ix := openLetters(t, own, archive)
	if _, err := ix.Put(t.Context(), letter); err != nil {
		t.Errorf("the schema did not see what was injected: %v", err)
	}
	lost := func(Document) (Document, error) { panic(io.ErrShortBuffer) }
	if err := own.Apply(Injectors.Rebind("stamp", lost)); err != nil {
		t.Fatal(err)
	}
	r, err := ix.Put(t.Context(), letter)
	wantFaults(t, "refusal", err, "schema/letters incomplete 0")
	wantFaults(t, "passed over", r.PassedOver, "injector/stamp panic 0")
	wantDocument(t, ix, letter.With("received", "2026-03-02")) // that of before
}

func TestNobodyBound(t *testing.T) {
	ix := letters(t)
	r, err := ix.Put(t.Context(), letter)
	wantFaults(t, "refusal", err)
	wantFaults(t, "passed over", r.PassedOver)
	wantFaults(t, "untold", r.Untold)
	wantDocument(t, ix, letter)
	if wanted, err := ix.Wanted("letter"); wanted || err != nil {
		t.Errorf("wanted by nobody: got %v, %v", wanted, err)
	}
	if deleted, err := ix.Delete("letter"); !deleted || err != nil {
		t.Errorf("nobody is against deleting: got %v, %v", deleted, err)
	}
}

func TestUnknownDocument(t *testing.T) {
	ix := letters(t)
	_, get := ix.Get("letter")
	_, wanted := ix.Wanted("letter")
	deleted, del := ix.Delete("letter")
	for _, err := range []error{get, wanted, del} {
		if !errors.Is(err, capability.ErrUnknown) || err.Error() != `index "letters" has no document "letter"` {
			t.Errorf("got %v, want that there is no such document", err)
		}
	}
	if deleted {
		t.Error("what does not exist was deleted")
	}
}

// failing returns a validator that fails with err, or panics with it.
func failing(err error) Validator   { return func(Document) error { return err } }
func panicking(err error) Validator { return func(Document) error { panic(err) } }

// The errors of the validators and of the schema come back as one list by priority,
// panics first of what has none, ties in the order of asking.
func TestValidators(t *testing.T) {
	late := &capability.Error{Code: "late", Priority: 3, Err: errors.New("it is Sunday")}
	trifle := &capability.Error{Code: "trifle", Priority: -1, Err: errors.New("the margin is narrow")}
	validators := []capability.Change{
		Validators.Bind("margin", failing(trifle)),
		Validators.Bind("spelling", failing(errors.New("it says teh"))),
		Validators.Bind("fine", anything),
		Validators.Bind("fonts", panicking(errors.New("no such font"))),
		Validators.Bind("scan", failing(errBusy)),
		Validators.Bind("stamp", failing(io.ErrNoProgress)),
	}
	for _, test := range []struct {
		name       string
		validators []capability.Change
		schema     Validator
		want       []string
	}{
		{"all-fine", validators[2:3], anything, nil},
		{"schema-alone", nil, failing(late), []string{"schema/letters late 3"}},
		{"schema-panics", nil, panicking(io.ErrNoProgress), []string{"schema/letters panic 0"}},
		{"one-alone", validators[1:3], anything, []string{"validator/spelling  0"}},
		{"plain-and-schema", validators[1:2], failing(io.ErrNoProgress), []string{"validator/spelling  0", "schema/letters  0"}},
		{"plain-and-schema-that-panics", validators[1:2], panicking(io.ErrNoProgress), []string{"schema/letters panic 0", "validator/spelling  0"}},
		{"all", validators, failing(late), []string{
			"validator/scan busy 7", "schema/letters late 3", "validator/fonts panic 0",
			"validator/spelling  0", "validator/stamp  0", "validator/margin trifle -1",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			told := false
			archive, own := registries(t, append(slices.Clone(test.validators),
				Injectors.Bind("lost", func(d Document) (Document, error) { return d, io.ErrClosedPipe }),
				Sinks.Bind("search", func(context.Context, Document) error { told = true; return nil }),
			)...)
			if err := own.Apply(Schemas.Rebind("letters", test.schema)); err != nil {
				t.Fatal(err)
			}
			ix := openLetters(t, own, archive)
			r, err := ix.Put(t.Context(), letter)
			wantFaults(t, "refusal", err, test.want...)
			wantFaults(t, "passed over", r.PassedOver, "injector/lost  0")
			_, missing := ix.Get("letter")
			if stored := missing == nil; stored != (test.want == nil) || told != stored {
				t.Errorf("stored: %v, sink told: %v, want %v of both", stored, told, test.want == nil)
			}
		})
	}
}

// A refusal goes through JSON: codes, names, priorities and texts come back.
func TestRefusalSurvivesJSON(t *testing.T) {
	ix := letters(t,
		Validators.Bind("titled", titled),
		Validators.Bind("scan", scan),
		Validators.Bind("fonts", panicking(errors.New("no such font"))),
	)
	_, refused := ix.Put(t.Context(), letter.With("text", "=cmd|open"))
	data, err := json.Marshal(parts(refused))
	if err != nil {
		t.Fatal(err)
	}
	var back []*capability.Error
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	var read []error
	for _, e := range back {
		read = append(read, e)
	}
	got := capability.Join(read...)
	wantFaults(t, "what was read", got, "validator/scan quarantine 10", "validator/fonts panic 0", "validator/titled incomplete 0")
	if diff := cmp.Diff(refused.Error(), got.Error()); diff != "" {
		t.Errorf("text (-written +read):\n%s", diff)
	}
	for i, code := range []capability.Code{Quarantine, capability.ErrPanic, Incomplete} {
		if !errors.Is(back[i], code) {
			t.Errorf("error %d is not %v: %v", i, code, back[i])
		}
	}
}

// An index opens with a schema or not at all, and has it until it is closed.
func TestSchema(t *testing.T) {
	t.Run("not-bound", func(t *testing.T) {
		archive, _ := registries(t)
		_, err := openIndex(capability.NewRegistry(LevelIndex, "contracts"), archive)
		if !errors.Is(err, capability.ErrNotProvided) {
			t.Errorf("got %v, want %v", err, capability.ErrNotProvided)
		}
		if err := archive.Close(t.Context()); err != nil {
			t.Errorf("the index that did not open holds the archive: %v", err)
		}
	})
	t.Run("masked-before", func(t *testing.T) {
		archive, own := registries(t)
		if err := own.Apply(Schemas.Mask("letters")); err != nil {
			t.Fatal(err)
		}
		if _, err := openIndex(own, archive); !errors.Is(err, capability.ErrNotProvided) {
			t.Errorf("got %v, want %v", err, capability.ErrNotProvided)
		}
	})
	t.Run("masked-and-own", func(t *testing.T) {
		archive, own := registries(t)
		if err := own.Apply(Schemas.Mask("letters"), Schemas.Rebind("letters", anything)); !errors.Is(err, capability.ErrConflict) {
			t.Errorf("got %v, want %v", err, capability.ErrConflict)
		}
		openLetters(t, own, archive) // nothing of that was taken
	})
	t.Run("masked-while-open", func(t *testing.T) {
		archive, own := registries(t)
		ix, err := openIndex(own, archive)
		if err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"mask":   own.Apply(Schemas.Mask("letters")),
			"unbind": archive.Apply(Schemas.Unbind("letters")),
		} {
			if !errors.Is(err, capability.ErrInUse) {
				t.Errorf("%s: got %v, want %v", name, err, capability.ErrInUse)
			}
		}
		if _, err := ix.Put(t.Context(), letter); err != nil {
			t.Errorf("the schema does not answer any more: %v", err)
		}
		if err := ix.Close(); err != nil {
			t.Fatal(err)
		}
		again := openLetters(t, own, archive)
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		if err := archive.Apply(Schemas.Unbind("letters")); err != nil {
			t.Errorf("a closed index holds its schema: %v", err)
		}
	})
	t.Run("rebound-while-open", func(t *testing.T) {
		archive, own := registries(t, Schemas.Bind("contracts", anything))
		ix := openLetters(t, own, archive)
		contracts := openLetters(t, capability.NewRegistry(LevelIndex, "contracts"), archive)
		if err := own.Apply(Schemas.Rebind("letters", needs("sender")), Validators.Bind("titled", titled)); err != nil {
			t.Fatal(err)
		}
		_, err := ix.Put(t.Context(), letter)
		wantFaults(t, "refusal", err, "validator/titled incomplete 0", "schema/letters incomplete 0")
		_, err = contracts.Put(t.Context(), letter)
		wantFaults(t, "refusal of another index", err)
	})
}

// waysToVote are what a vote may do. Who answers yes with an error failed.
var waysToVote = []struct {
	yes, failed bool
	fault       string
	vote        Vote
}{
	{true, false, "", func(Document) (bool, error) { return true, nil }},
	{false, false, "", func(Document) (bool, error) { return false, nil }},
	{false, true, " 0", func(Document) (bool, error) { return true, io.ErrClosedPipe }},
	{false, true, "panic 0", func(Document) (bool, error) { panic(io.ErrClosedPipe) }},
}

// TestEveryMixOfVotes lets none to three votes do what they may, in every mix:
// everybody is asked, and who failed counts as a yes to neither question.
func TestEveryMixOfVotes(t *testing.T) {
	mixes := [][]int{{}}
	for i := 0; len(mixes[i]) < 3; i++ {
		for way := range waysToVote {
			mixes = append(mixes, append(slices.Clone(mixes[i]), way))
		}
	}
	for _, mix := range mixes {
		t.Run(fmt.Sprint(mix), func(t *testing.T) {
			var changes []capability.Change
			var panicked, failed []string // as errors of the one question; panics speak first
			all, some, asked := true, false, 0
			for i, kind := range mix {
				way, name := waysToVote[kind], fmt.Sprint("v", i)
				vote := func(d Document) (bool, error) { asked++; return way.vote(d) }
				changes = append(changes, Deletable.Bind(name, vote), Interested.Bind(name, vote))
				all, some = all && way.yes, some || way.yes
				if fault := "/" + name + " " + way.fault; way.fault == "panic 0" {
					panicked = append(panicked, fault)
				} else if way.failed {
					failed = append(failed, fault)
				}
			}
			want := func(question string) (list []string) {
				for _, fault := range slices.Concat(panicked, failed) {
					list = append(list, question+fault)
				}
				return list
			}
			ix := letters(t, changes...)
			if _, err := ix.Put(t.Context(), letter); err != nil {
				t.Fatal(err)
			}
			wanted, err := ix.Wanted("letter")
			if wanted != some {
				t.Errorf("wanted: %v, want %v", wanted, some)
			}
			wantFaults(t, "interested", err, want("interested")...)
			deleted, err := ix.Delete("letter")
			if deleted != all {
				t.Errorf("deleted: %v, want %v", deleted, all)
			}
			wantFaults(t, "deletable", err, want("deletable")...)
			if _, missing := ix.Get("letter"); (missing != nil) != all {
				t.Errorf("after the votes the document is there: %v, want %v", missing == nil, !all)
			}
			if asked != 2*len(mix) {
				t.Errorf("%d votes were cast on two questions, want %d", asked, 2*len(mix))
			}
		})
	}
}

// What is stored while the votes are cast is another document: nobody voted on it.
func TestDeleteWhatChanged(t *testing.T) {
	var ix *Index
	ix = letters(t, Deletable.Bind("editor", func(d Document) (bool, error) {
		_, err := ix.Put(t.Context(), d.With("text", "Dear both"))
		return true, err
	}))
	if _, err := ix.Put(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	if deleted, err := ix.Delete("letter"); deleted || !errors.Is(err, capability.ErrConflict) {
		t.Errorf("got %v, %v, want false and %v", deleted, err, capability.ErrConflict)
	}
	wantDocument(t, ix, letter.With("text", "Dear both"))
}

// A document is deleted once, however many ask for it.
func TestDeleteAtOnce(t *testing.T) {
	ix := letters(t, Deletable.Bind("anybody", waysToVote[0].vote))
	for range 100 {
		if _, err := ix.Put(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
		var times atomic.Int32
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if deleted, _ := ix.Delete("letter"); deleted {
					times.Add(1)
				}
			})
		}
		all.Wait()
		if n := times.Load(); n != 1 {
			t.Fatalf("one document was deleted %d times", n)
		}
	}
}

// More sinks than are told at once, most of them dead: the others hear of the
// document as it is stored.
func TestDeadSinks(t *testing.T) {
	var mu sync.Mutex
	heard := make(map[string]string)
	hears := func(name string) capability.Change {
		return Sinks.Bind(name, func(_ context.Context, d Document) error {
			mu.Lock()
			defer mu.Unlock()
			heard[name] = d.String()
			return nil
		})
	}
	ix := letters(t,
		Injectors.Bind("language", language),
		hears("first"),
		Sinks.Bind("closed", func(context.Context, Document) error { return io.ErrClosedPipe }),
		Sinks.Bind("exits", func(context.Context, Document) error { runtime.Goexit(); return nil }),
		Sinks.Bind("panics", func(context.Context, Document) error { panic(io.ErrClosedPipe) }),
		hears("middle"),
		Sinks.Bind("busy", func(context.Context, Document) error { return errBusy }),
		hears("last"),
	)
	r, err := ix.Put(t.Context(), letter)
	wantFaults(t, "refusal", err)
	wantFaults(t, "untold", r.Untold, "sink/busy busy 7", "sink/exits panic 0", "sink/panics panic 0", "sink/closed  0")
	text := letter.With("language", "en").String()
	if diff := cmp.Diff(map[string]string{"first": text, "middle": text, "last": text}, heard); diff != "" {
		t.Errorf("what the sinks heard (-want +got):\n%s", diff)
	}
}

// A caller who leaves has its document stored; the receipt says who was not told.
func TestCallerLeaves(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	told := false
	ix := letters(t, Sinks.Bind("search", func(context.Context, Document) error { told = true; return nil }))
	r, err := ix.Put(ctx, letter)
	wantFaults(t, "refusal", err)
	wantFaults(t, "untold", r.Untold, "sink/search  0")
	if !errors.Is(r.Untold, context.Canceled) || told {
		t.Errorf("sink told: %v, error: %v, want false and %v", told, r.Untold, context.Canceled)
	}
	wantDocument(t, ix, letter)
}
