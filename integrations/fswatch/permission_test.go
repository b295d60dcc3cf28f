//go:build unix

// Permissions that are taken away and given back.

package fswatch_test

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// nobody is a user who is not the administrator, to whom nothing is forbidden.
const nobody = 65534

// ownDir returns the directory of a test whose user is not the administrator.
func ownDir(t *testing.T) string {
	dir := t.TempDir()
	if os.Geteuid() == 0 {
		must(os.Chmod(filepath.Dir(dir), 0o755))
		must(os.Chown(dir, nobody, nobody))
		must(syscall.Setreuid(-1, nobody))
		t.Cleanup(func() { must(syscall.Setreuid(-1, 0)) })
	}
	return dir
}

// What may not be read is a failure, and that it may be read again is noticed by its event
// alone.
func TestPermission(t *testing.T) {
	for _, c := range []struct {
		name, path string
		good       os.FileMode
	}{
		{"file", "a/b/p.json", 0o644}, {"directory", "a/b", 0o755}, {"directory above", "a", 0o755},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := ownDir(t)
			file := filepath.Join(dir, "a/b/p.json")
			lay(file, 1)
			path := filepath.Join(dir, c.path)
			t.Cleanup(func() { must(os.Chmod(path, c.good)) }) // so that it can be removed
			s := open(t, file, eager())
			s.shows(t, 1)
			for range 2 {
				must(os.Chmod(path, 0))
				s.fails(t, 1, "permission denied")
				must(os.Chmod(path, c.good))
				s.until(t, "the failure does not end", func() bool { return s.feed.Status()[0].Err == nil })
			}
			write(file, 2)
			s.shows(t, 2)
		})
	}
}

// A directory that may be passed but not listed is not watched; the others are.
func TestDirectoryThatMayNotBeListed(t *testing.T) {
	dir := ownDir(t)
	closed := filepath.Join(dir, "a")
	file := filepath.Join(closed, "b/p.json")
	lay(file, 1)
	must(os.Chmod(closed, 0o111))
	t.Cleanup(func() { must(os.Chmod(closed, 0o755)) })
	s := open(t, file, eager())
	s.shows(t, 1)
	write(file, 2)
	s.shows(t, 2)
	if slices.Contains(s.watched(), closed) {
		t.Errorf("%s is watched, so this tests nothing", closed)
	}
}
