package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilitytest"
)

// The page shows the scopes while lines are read and after that, until the program is
// interrupted.
func TestPage(t *testing.T) {
	capabilitytest.NoLeaks(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	lines, input := io.Pipe()
	told, stderr := io.Pipe()
	printed, stdout := io.Pipe()
	status := make(chan int)
	go func() { status <- run(ctx, silent, []string{"-http", "127.0.0.1:0", "-"}, lines, stdout, stderr) }()
	first, err := bufio.NewReader(told).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	go io.Copy(io.Discard, told)
	page := regexp.MustCompile(`http://\S+`).FindString(first)

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(query string, into any) {
		t.Helper()
		r, err := client.Get(page + query)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if err := json.NewDecoder(r.Body).Decode(into); err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%s is answered with status %d, and %v", query, r.StatusCode, err)
		}
	}
	var overview struct{ Scopes []struct{ Name string } }
	get("?format=json", &overview)
	var names []string
	for _, s := range overview.Scopes {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "anything engine packages requests tests" {
		t.Errorf("the page shows the scopes %s", got)
	}

	_ = input.Close() // that was the last line
	report, err := bufio.NewReader(printed).ReadString('\n')
	if err != nil || report == "" {
		t.Errorf("the report begins with %q, and %v", report, err)
	}
	defer printed.Close()
	go io.Copy(io.Discard, printed)
	var engine capability.Snapshot
	get("?scope=engine&format=json", &engine)
	if engine.Scope == "" || len(engine.Capabilities) == 0 {
		t.Errorf("after the report the engine is shown as %+v", engine)
	}

	interrupt()
	if got := <-status; got != 0 {
		t.Errorf("the exit status is %d", got)
	}
	if _, err := client.Get(page); err == nil {
		t.Error("the page is served although the program has ended")
	}
}

func TestPageThatCannotBeServed(t *testing.T) {
	status, stdout, stderr := engineRun(t, strings.NewReader(""), "-http", "nowhere.invalid:port", "-")
	if status != 1 || stdout != "" {
		t.Errorf("the exit status is %d and stdout %q", status, stdout)
	}
	wantHas(t, stderr, "the page cannot be served")
}
