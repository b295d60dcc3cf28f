package main

import (
	"bytes"
	"regexp"
	"strconv"
	"testing"
)

func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`\Acalls made: (\d+)
failed: 0
retired: 100
in flight at retirement: 0
\z`).FindStringSubmatch(out.String())
	if m == nil {
		t.Fatalf("the report:\n%s", &out)
	}
	if calls, _ := strconv.Atoi(m[1]); calls < exchanges*between {
		t.Errorf("%d calls made, want at least %d", calls, exchanges*between)
	}
}
