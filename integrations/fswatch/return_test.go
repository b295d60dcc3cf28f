// A path that is broken is a failure, and is watched until it is good again.

package fswatch_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// missing is the error of a path that is not there. What is broken in several steps may
// be read after the first of them.
const missing = "no such file"

// Each path is broken and repaired twice, and the repair noticed by its event alone.
func TestReturn(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       []string
		breaks     func(dir, path string)
		repairs    func(dir, path string, price int)
	}{
		{"deleted", "p.json", []string{missing}, func(_, path string) { must(os.Remove(path)) }, func(_, path string, price int) { write(path, price) }},
		{"deleted and renamed back", "p.json", []string{missing}, func(_, path string) { must(os.Rename(path, path+".off")) }, func(_, path string, price int) {
			write(path+".off", price)
			must(os.Rename(path+".off", path))
		}},
		{"emptied", "p.json", []string{"p.json:1:1: unexpected end"}, func(_, path string) { must(os.Truncate(path, 0)) }, func(_, path string, price int) { write(path, price) }},
		{"half written", "p.json", []string{"p.json:1:8: unexpected end", "p.json:1:1: unexpected end"}, func(_, path string) { must(os.WriteFile(path, []byte(`{"tea":`), 0o644)) }, func(_, path string, price int) {
			must(os.WriteFile(path, []byte(`{"tea": `), 0o644))
			write(path, price)
		}},
		{"directory in its place", "p.json", []string{"is a directory", missing}, func(_, path string) {
			must(os.Remove(path))
			must(os.Mkdir(path, 0o755))
		}, func(_, path string, price int) {
			must(os.Remove(path))
			write(path, price)
		}},
		{"directory removed", "a/p.json", []string{missing}, func(dir, _ string) { must(os.RemoveAll(filepath.Join(dir, "a"))) }, func(_, path string, price int) { lay(path, price) }},
		{"directories removed", "a/b/c/p.json", []string{missing}, func(dir, _ string) { must(os.RemoveAll(filepath.Join(dir, "a"))) }, func(dir, path string, price int) {
			must(os.MkdirAll(filepath.Join(dir, "a/b"), 0o755))
			lay(path, price)
		}},
		{"directory renamed", "a/b/p.json", []string{missing}, func(dir, _ string) { must(os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "x"))) }, func(dir, path string, price int) {
			write(filepath.Join(dir, "x/b/p.json"), price)
			must(os.Rename(filepath.Join(dir, "x"), filepath.Join(dir, "a")))
		}},
		{"file in the place of a directory", "a/b/p.json", []string{"not a directory", missing}, func(dir, _ string) {
			must(os.RemoveAll(filepath.Join(dir, "a")))
			write(filepath.Join(dir, "a"), 9)
		}, func(dir, path string, price int) {
			must(os.Remove(filepath.Join(dir, "a")))
			lay(path, price)
		}},
		{"link that points nowhere", "p.json", []string{missing}, func(dir, path string) {
			must(os.RemoveAll(filepath.Join(dir, "far")))
			must(os.Remove(path))
			must(os.Symlink("far/away/q.json", path))
		}, func(dir, _ string, price int) { lay(filepath.Join(dir, "far/away/q.json"), price) }},
		{"circle of links", "a/p.json", []string{"too many levels of symbolic links", missing}, func(dir, path string) {
			must(os.RemoveAll(filepath.Join(dir, "a")))
			must(os.RemoveAll(filepath.Join(dir, "b")))
			must(os.Symlink("b/c", filepath.Join(dir, "a")))
			must(os.Symlink("a", filepath.Join(dir, "b")))
		}, func(dir, _ string, price int) {
			must(os.Remove(filepath.Join(dir, "b")))
			lay(filepath.Join(dir, "b/c/p.json"), price)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, c.file)
			lay(path, 1)
			s := open(t, path, eager())
			for price := 1; price <= 2; price++ {
				s.shows(t, price)
				s.isWell(t)
				c.breaks(dir, path)
				s.fails(t, price, c.want...)
				c.repairs(dir, path, price+1)
			}
			s.shows(t, 3)
			write(path, 4)
			s.shows(t, 4)
			s.isWell(t)
			s.watches(t)
		})
	}
}

// A path of which nothing is there yet is watched as far as it is.
func TestPathThatIsNotThereYet(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a/b/c/p.json")
	s := open(t, path, eager())
	s.fails(t, 0, missing)
	for _, step := range []string{"a", "a/b", "a/b/c"} {
		must(os.Mkdir(filepath.Join(dir, step), 0o755))
		s.until(t, "the new directory is not watched", func() bool { return slices.Contains(s.watched(), filepath.Join(dir, step)) })
	}
	write(path, 1)
	s.shows(t, 1)
	s.isWell(t)
}

// Data that come back as they were end the failure, although the table stays.
func TestSameDataEndAFailure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.json")
	write(path, 1)
	s := open(t, path, eager())
	must(os.Remove(path))
	s.fails(t, 1, missing)
	table := s.feed.Table().Get()
	write(path, 1)
	s.until(t, "the failure does not end", func() bool { return s.feed.Status()[0].Err == nil })
	if s.feed.Table().Get() != table {
		t.Error("there is another table, although nothing has changed")
	}
}
