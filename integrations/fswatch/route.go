// Routes: the directories in which the system looks names up to open a path.

package fswatch

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A route has, by their paths, the directories that a path leads through, also by way of
// symbolic links, as far as they are there. No path of a directory has a link in it.
type route map[string]*stop

// A stop is a directory of a route.
type stop struct {
	info  fs.FileInfo // nil if it is gone already
	names []string    // that are looked up in it
}

// mostLinks is how many symbolic links a path may lead through. No system follows more.
const mostLinks = 255

// routeOf returns the route of a path. It ends where the path does, or at the first name
// that is not there, may not be seen, or belongs to a circle of links.
func routeOf(path string) route {
	r := make(route)
	if !filepath.IsAbs(path) {
		wd, err := os.Getwd()
		if err != nil {
			return r
		}
		// A clean path would lose the names before "..", which may be links.
		path = wd + string(filepath.Separator) + path
	}
	at, rest := split(path)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		r.add(at, name)
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		switch {
		case err != nil:
			return r
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(next)
			if links++; err != nil || links > mostLinks {
				return r
			}
			names := strings.FieldsFunc(target, isSeparator)
			if filepath.IsAbs(target) {
				at, names = split(target)
			}
			rest = slices.Concat(names, rest)
		case info.IsDir():
			at = next
		default:
			return r
		}
	}
	return r
}

// split returns the root of an absolute path and the names after it.
func split(path string) (root string, names []string) {
	volume := filepath.VolumeName(path)
	return volume + string(filepath.Separator), strings.FieldsFunc(path[len(volume):], isSeparator)
}

func isSeparator(r rune) bool { return r < 0x80 && os.IsPathSeparator(uint8(r)) }

// add notes that a name is looked up in a directory.
func (r route) add(dir, name string) {
	s := r[dir]
	if s == nil {
		info, _ := os.Lstat(dir)
		s = &stop{info: info}
		r[dir] = s
	}
	if !slices.Contains(s.names, name) {
		s.names = append(s.names, name)
	}
}

// has reports whether the path of an event is on the route. It need not be clean: events
// in the root begin with two slashes.
func (r route) has(path string) bool {
	s := r[filepath.Dir(path)]
	return s != nil && slices.Contains(s.names, filepath.Base(path))
}

// equal reports whether two routes lead through the same directories by the same names.
func (r route) equal(other route) bool {
	return maps.EqualFunc(r, other, func(a, b *stop) bool { return a.is(b) && slices.Equal(a.names, b.names) })
}

// is reports whether two stops are one directory, and not one in the place of another.
func (s *stop) is(other *stop) bool {
	return s != nil && other != nil && os.SameFile(s.info, other.info)
}
