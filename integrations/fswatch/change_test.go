// Each way of changing what a path leads to is noticed by its event alone.

package fswatch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// swap makes a symbolic link point elsewhere, by a rename.
func swap(target, link string) {
	must(os.Symlink(target, link+"_tmp"))
	must(os.Rename(link+"_tmp", link))
}

// mount lays a file out as a mounted configuration map.
func mount(dir string) string {
	lay(filepath.Join(dir, "..1", "prices.json"), 1)
	must(os.Symlink("..1", filepath.Join(dir, "..data")))
	path := filepath.Join(dir, "prices.json")
	must(os.Symlink(filepath.Join("..data", "prices.json"), path))
	return path
}

// linked returns a layout whose path leads over these links, each a path and what it
// points to, to a file with the price 1. A target that begins with a slash is in
// the directory of the test.
func linked(path, file string, links ...string) func(dir string) string {
	return func(dir string) string {
		lay(filepath.Join(dir, file), 1)
		for i := 0; i < len(links); i += 2 {
			link, target := filepath.Join(dir, links[i]), links[i+1]
			if target[0] == '/' {
				target = dir + target
			}
			must(os.MkdirAll(filepath.Dir(link), 0o755))
			must(os.Symlink(target, link))
		}
		return dir + "/" + path
	}
}

func plain(path string) func(dir string) string { return linked(path, path) }

// Each change makes the price of tea 2. After it the path must be watched as before, so
// the file is written once more.
func TestChange(t *testing.T) {
	for _, c := range []struct {
		name   string
		layout func(dir string) (path string)
		change func(dir, path string)
	}{
		{"write", plain("p.json"), func(_, path string) { write(path, 2) }},
		{"write in pieces", plain("p.json"), func(_, path string) {
			f, err := os.Create(path)
			must(err)
			for _, piece := range []string{"{", `"tea"`, ":", "2", "}"} {
				_, err := f.WriteString(piece)
				must(err)
			}
			must(f.Close())
		}},
		{"write in the middle", plain("p.json"), func(_, path string) {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			must(err)
			_, err = f.WriteAt([]byte("2"), int64(len(`{"tea": `)))
			must(err)
			must(f.Close())
		}},
		{"truncate", func(dir string) string {
			path := filepath.Join(dir, "p.json")
			must(os.WriteFile(path, []byte("{\"tea\": 2}\n{\"tea\": 1}"), 0o644))
			return path
		}, func(_, path string) { must(os.Truncate(path, int64(len(`{"tea": 2}`)))) }},
		{"rename over", plain("p.json"), func(dir, path string) {
			write(filepath.Join(dir, "new"), 2)
			must(os.Rename(filepath.Join(dir, "new"), path))
		}},
		{"rename over from another directory", plain("p.json"), func(dir, path string) {
			lay(filepath.Join(dir, "other", "new"), 2)
			must(os.Rename(filepath.Join(dir, "other", "new"), path))
		}},
		{"delete and return", plain("p.json"), func(_, path string) { must(os.Remove(path)); write(path, 2) }},
		{"hard link in its place", plain("p.json"), func(dir, path string) {
			write(filepath.Join(dir, "new"), 2)
			must(os.Remove(path))
			must(os.Link(filepath.Join(dir, "new"), path))
		}},
		{"editor that moves a backup away", plain("p.json"), func(_, path string) {
			must(os.Rename(path, path+"~"))
			write(path, 2)
			must(os.Remove(path + "~"))
		}},
		{"editor that writes another file", plain("p.json"), func(dir, path string) {
			write(filepath.Join(dir, ".p.json.swp"), 2)
			must(os.Link(path, path+"~"))
			must(os.Rename(filepath.Join(dir, ".p.json.swp"), path))
		}},
		{"mounted configuration map", mount, func(dir, _ string) {
			for _, n := range []int{9, 8, 2} {
				name := fmt.Sprintf("..%d", n)
				lay(filepath.Join(dir, name, "prices.json"), n)
				old, err := os.Readlink(filepath.Join(dir, "..data"))
				must(err)
				swap(name, filepath.Join(dir, "..data"))
				must(os.RemoveAll(filepath.Join(dir, old)))
			}
		}},
		{"target of a link written", linked("p.json", "far/away/q.json", "p.json", "far/away/q.json"), func(dir, _ string) {
			write(filepath.Join(dir, "far/away/q.json"), 2)
		}},
		{"target of a link renamed over", linked("p.json", "far/q.json", "p.json", "/far/q.json"), func(dir, _ string) {
			write(filepath.Join(dir, "far/new"), 2)
			must(os.Rename(filepath.Join(dir, "far/new"), filepath.Join(dir, "far/q.json")))
		}},
		{"link at the end swapped", linked("p.json", "one/p.json", "p.json", "one/p.json"), func(dir, path string) {
			lay(filepath.Join(dir, "two/p.json"), 2)
			swap("two/p.json", path)
		}},
		{"link at the end replaced by a file", linked("p.json", "one/p.json", "p.json", "/one/p.json"), func(_, path string) {
			must(os.Remove(path))
			write(path, 2)
		}},
		{"link at the beginning swapped", linked("shop/de/p.json", "one/de/p.json", "shop", "one"), func(dir, _ string) {
			lay(filepath.Join(dir, "two/de/p.json"), 2)
			swap("two", filepath.Join(dir, "shop"))
		}},
		{"link behind three links swapped", linked("a/p.json", "one/p.json", "a", "b/c", "b", "/d", "d/c", "../e", "e", "one"), func(dir, _ string) {
			lay(filepath.Join(dir, "two/p.json"), 2)
			swap("two", filepath.Join(dir, "e"))
		}},
		{"link before a step back swapped", linked("shop/../p.json", "one/p.json", "one/de/keep", "p.json", "shop", "one/de"), func(dir, _ string) {
			lay(filepath.Join(dir, "two/p.json"), 2)
			must(os.Mkdir(filepath.Join(dir, "two/de"), 0o755))
			swap("two/de", filepath.Join(dir, "shop"))
		}},
		{"directory replaced by a link", plain("a/b/p.json"), func(dir, _ string) {
			lay(filepath.Join(dir, "two/b/p.json"), 2)
			must(os.RemoveAll(filepath.Join(dir, "a")))
			must(os.Symlink("two", filepath.Join(dir, "a")))
		}},
		{"directory replaced by a rename", plain("a/b/p.json"), func(dir, _ string) {
			lay(filepath.Join(dir, "new/p.json"), 2)
			must(os.Rename(filepath.Join(dir, "a/b"), filepath.Join(dir, "old")))
			must(os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "a/b")))
		}},
		{"directory above replaced by a rename", plain("a/b/c/p.json"), func(dir, _ string) {
			lay(filepath.Join(dir, "new/b/c/p.json"), 2)
			must(os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "old")))
			must(os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "a")))
		}},
		{"directory removed and back", plain("a/b/p.json"), func(dir, path string) {
			must(os.RemoveAll(filepath.Join(dir, "a/b")))
			lay(path, 2)
		}},
		{"directories removed and back many times", plain("a/b/c/p.json"), func(dir, path string) {
			for n := 30; n >= 2; n-- {
				must(os.RemoveAll(filepath.Join(dir, "a")))
				lay(path, n)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := c.layout(dir)
			s := open(t, path, eager())
			if c.name == "truncate" {
				s.fails(t, 0, "after top-level value")
			} else {
				s.shows(t, 1)
			}
			c.change(dir, path)
			s.shows(t, 2)
			write(path, 3)
			s.shows(t, 3)
			write(path, 4)
			s.shows(t, 4)
			s.isWell(t)
			s.watches(t)
		})
	}
}

// Directories and links change while the source finds out what to watch: it reads after
// each event, so that it is as often as can be in the middle of it.
func TestChangesWhileItLooks(t *testing.T) {
	for _, c := range []struct {
		name   string
		path   string
		change func(dir string, n int)
	}{
		{"directories", "a/b/c/d/p.json", func(dir string, n int) {
			must(os.RemoveAll(filepath.Join(dir, "a")))
			lay(filepath.Join(dir, "a/b/c/d/p.json"), n)
		}},
		{"links", "top/now/p.json", func(dir string, n int) {
			top := fmt.Sprint("d", n)
			lay(filepath.Join(dir, top, "old/p.json"), -1)
			lay(filepath.Join(dir, top, "new/p.json"), n)
			must(os.Symlink("old", filepath.Join(dir, top, "now")))
			swap(top, filepath.Join(dir, "top"))
			swap("new", filepath.Join(dir, top, "now"))
			must(os.RemoveAll(filepath.Join(dir, fmt.Sprint("d", n-1))))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.change(dir, 1)
			o := eager()
			o.Debounce = -1
			s := open(t, filepath.Join(dir, c.path), o)
			for n := 2; n <= 100; n++ {
				c.change(dir, n)
				s.shows(t, n)
			}
			s.watches(t)
		})
	}
}

// A relative path is one of the working directory.
func TestChangeOfARelativePath(t *testing.T) {
	dir := t.TempDir()
	lay(filepath.Join(dir, "one/p.json"), 1)
	must(os.Mkdir(filepath.Join(dir, "here"), 0o755))
	t.Chdir(filepath.Join(dir, "here"))
	s := open(t, "../shop/p.json", eager())
	s.fails(t, 0, missing)
	must(os.Symlink("one", filepath.Join(dir, "shop")))
	s.shows(t, 1)
	write("../one/p.json", 2)
	s.shows(t, 2)
}
