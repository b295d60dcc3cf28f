// What is on the pages: golden files of a small world.

package capabilityhttp_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

var update = flag.Bool("update", false, "rewrite golden files")

// The pages, by the name of their golden file.
var golden = map[string]string{
	"overview.html":     "",
	"overview.json":     "?format=json",
	"search.html":       "?q=BL",
	"search.json":       "?q=BL&format=json",
	"scope.html":        "?scope=orders",
	"scope.json":        "?scope=orders&format=json",
	"scope.txt":         "?scope=orders&format=text",
	"pending.html":      "?scope=billing",
	"auth.html":         "?scope=orders&capability=auth",
	"auth.json":         "?scope=orders&capability=auth&format=json",
	"auth.txt":          "?scope=orders&capability=auth&format=text",
	"auth.mmd":          "?scope=orders&capability=auth&format=mermaid",
	"auth.dot":          "?scope=orders&capability=auth&format=dot",
	"select.html":       "?scope=billing&capability=auth",
	"shadow.html":       "?scope=orders&capability=blobs",
	"unclear.html":      "?scope=orders&capability=greeting",
	"retirements.html":  "?view=retirements",
	"retirements.json":  "?view=retirements&format=json",
	"extensions.html":   "?view=extensions",
	"extensions.json":   "?view=extensions&format=json",
	"sources.html":      "?view=sources",
	"sources.json":      "?view=sources&format=json",
	"no-scope.html":     "?scope=ordres",
	"no-scope.json":     "?scope=ordres&format=json",
	"no-capability.txt": "?scope=orders&capability=auht&format=json",
}

var (
	sites = regexp.MustCompile(`[^\s"(>]*?([\w.-]+\.go):\d+`)
	times = regexp.MustCompile(`(1999-12-31|2000-01-01)T[-+:.\dZ]+`) // of the bubble
)

func TestGolden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := world(t)
		for file, query := range golden {
			var text strings.Builder
			if err := fetch(page, query).Write(&text); err != nil {
				t.Fatal(err)
			}
			_, got, _ := strings.Cut(strings.ReplaceAll(text.String(), "\r\n", "\n"), "\n\n")
			got = times.ReplaceAllString(sites.ReplaceAllString(got, "$1:N"), "TIME")
			if strings.HasSuffix(file, ".html") {
				parse(t, got)
			}
			name := filepath.Join("testdata", file)
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		}
		synctest.Wait()
	})
}

// Each golden file is of a page.
func TestGoldenFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if golden[filepath.Base(file)] == "" && filepath.Base(file) != "overview.html" {
			t.Errorf("%s is of no page", file)
		}
	}
}

// What a page shows as JSON is what the scope says.
func TestScopeJSON(t *testing.T) {
	page := world(t)
	for name, scope := range page.Scopes {
		if scope.Check() != nil {
			continue
		}
		want, err := json.Marshal(scope.Snapshot())
		must(t, err)
		var back capability.Snapshot
		must(t, json.Unmarshal(want, &back))
		got := decoded[capability.Snapshot](t, page, link("scope", name, "format", "json"))
		if diff := cmp.Diff(back, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
