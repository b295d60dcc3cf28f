// Which directories a path leads through.

package fswatch_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability/integrations/fswatch"
)

func TestRoute(t *testing.T) {
	for _, c := range []struct {
		name   string
		layout func(dir string) (path string)
		want   map[string]string // names by directory, of those in the directory of the test
	}{
		{"file", plain("a/b/p"), map[string]string{".": "a", "a": "b", "a/b": "p"}},
		{"nothing there", func(dir string) string { return dir + "/a/b/p" }, map[string]string{".": "a"}},
		{"dots and slashes", func(dir string) string {
			lay(filepath.Join(dir, "a/b/p"), 1)
			return dir + "/./a//b/./../../a/b/p"
		}, map[string]string{".": "a", "a": "b", "a/b": "p"}},
		{"mounted configuration map", mount, map[string]string{".": "prices.json ..data ..1", "..1": "prices.json"}},
		{"link to a directory", linked("l/p", "a/b/p", "l", "a/b"), map[string]string{".": "l a", "a": "b", "a/b": "p"}},
		{"absolute link", linked("x/l/p", "a/p", "x/l", "/a"), map[string]string{".": "x a", "x": "l", "a": "p"}},
		{"step back behind a link", linked("l/../p", "a/p", "a/b/keep", "../p", "l", "a/b"), map[string]string{".": "l a", "a": "b p"}},
		{"circle", func(dir string) string {
			must(os.Symlink("b", filepath.Join(dir, "a")))
			must(os.Symlink("a/c", filepath.Join(dir, "b")))
			return filepath.Join(dir, "a/p")
		}, map[string]string{".": "a b"}},
		{"link to itself", func(dir string) string {
			must(os.Symlink("a", filepath.Join(dir, "a")))
			return filepath.Join(dir, "a")
		}, map[string]string{".": "a"}},
		{"file in the place of a directory", func(dir string) string {
			lay(filepath.Join(dir, "a/b"), 1)
			return filepath.Join(dir, "a/b/p")
		}, map[string]string{".": "a", "a": "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := c.layout(dir)
			got := make(map[string]string)
			above := map[string]string{filepath.Dir(dir): filepath.Base(dir)}
			for at, names := range fswatch.Route(path) {
				if inside, err := filepath.Rel(dir, at); err == nil && !strings.HasPrefix(inside, "..") || strings.HasPrefix(at, dir+"/..") {
					got[inside] = strings.Join(names, " ")
				} else if at == filepath.Dir(dir) {
					delete(above, at)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("route (-want +got):\n%s", diff)
			}
			if len(above) > 0 {
				t.Errorf("the directory above is not on the route")
			}
		})
	}
}

// An event concerns the path if it is of a name that is looked up.
func TestEventsOfTheRoute(t *testing.T) {
	dir := t.TempDir()
	path := mount(dir)
	var concern []string
	for _, name := range []string{"prices.json", "..data", "..1", "..1/prices.json", "..1/other", "other", "..data/prices.json", "..2", "."} {
		if fswatch.Concerns(path, filepath.Join(dir, name)) {
			concern = append(concern, name)
		}
	}
	if diff := cmp.Diff([]string{"prices.json", "..data", "..1", "..1/prices.json", "."}, concern); diff != "" {
		t.Errorf("concern the path (-want +got):\n%s", diff)
	}
	top := strings.Split(filepath.ToSlash(dir), "/")[1]
	if fswatch.Concerns(path, "/") || !fswatch.Concerns(path, "/"+top) || !fswatch.Concerns(path, "//"+top) {
		t.Errorf("of the root only %s concerns the path", top)
	}
}

// A directory in the place of another is another route.
func TestRouteChanges(t *testing.T) {
	dir := t.TempDir()
	path := mount(dir)
	lay(filepath.Join(dir, "..2", "prices.json"), 2)
	write(filepath.Join(dir, "offers.json"), 2)
	var same []string
	for _, c := range []struct {
		name   string
		change func()
	}{
		{"nothing", func() {}},
		{"another file", func() { lay(filepath.Join(dir, "..1/new"), 9) }},
		{"the file renamed over", func() { must(os.Rename(filepath.Join(dir, "..1/new"), filepath.Join(dir, "..1/prices.json"))) }},
		{"the directory exchanged", func() {
			must(os.Rename(filepath.Join(dir, "..1"), filepath.Join(dir, "..3")))
			must(os.Rename(filepath.Join(dir, "..2"), filepath.Join(dir, "..1")))
		}},
		{"the link at the end swapped", func() { swap("..data/../offers.json", path) }},
		{"the link swapped", func() { swap("..3", filepath.Join(dir, "..data")) }},
		{"the directory removed", func() { must(os.RemoveAll(filepath.Join(dir, "..3"))) }},
	} {
		if fswatch.SameRoute(path, c.change) {
			same = append(same, c.name)
		}
	}
	if diff := cmp.Diff([]string{"nothing", "another file", "the file renamed over"}, same); diff != "" {
		t.Errorf("the route stays (-want +got):\n%s", diff)
	}
}

// What comes between a look at the route and watching it is watched too.
func TestRouteThatChangesMeanwhile(t *testing.T) {
	dir := t.TempDir()
	steps := []func(){
		func() { must(os.Mkdir(filepath.Join(dir, "a"), 0o755)) },
		func() { must(os.Symlink("../x", filepath.Join(dir, "a/b"))) },
		func() { lay(filepath.Join(dir, "x/p"), 1) },
		func() {
			must(os.Rename(filepath.Join(dir, "x"), filepath.Join(dir, "y")))
			must(os.Mkdir(filepath.Join(dir, "x"), 0o755))
		},
	}
	path := filepath.Join(dir, "a/b/p")
	got := fswatch.Follow(path, func() {
		if len(steps) > 0 {
			steps[0]()
			steps = steps[1:]
		}
	})
	if len(steps) > 0 {
		t.Fatalf("%d steps were not looked for", len(steps))
	}
	slices.Sort(got)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(fswatch.Route(path))), got); diff != "" {
		t.Errorf("watched (-want +got):\n%s", diff)
	}
}

// A route that never stands still is not followed for ever.
func TestRouteThatAlwaysChanges(t *testing.T) {
	dir := t.TempDir()
	looks := 0
	fswatch.Follow(filepath.Join(dir, "a/p"), func() {
		looks++
		must(os.RemoveAll(filepath.Join(dir, "a")))
		if looks%2 == 1 {
			must(os.Mkdir(filepath.Join(dir, "a"), 0o755))
		}
		if looks > 100 {
			panic("it goes on")
		}
	})
}
