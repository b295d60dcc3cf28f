//go:build unix

// All that can go wrong with a file on a real file system, and with a source, and what
// is left in the table then.

package data_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

const (
	priceList = "{\"tea\": 3,\n \"jam\": 4}\n"
	// Longer than any pause after a failure and any interval here.
	longPause = time.Minute
	owner     = `capability "prices", provider "file", scope "engine": `
)

// A cabinet is a directory with one file that a feed follows, beside another that stays
// as it is.
type cabinet struct {
	*shop
	t    *testing.T
	path string
	told atomic.Int32 // how often the table changed
}

// openCabinet opens a feed of a file with the price list. It is called in a bubble.
func openCabinet(t *testing.T, o data.Options) *cabinet {
	t.Helper()
	dir := t.TempDir()
	c := &cabinet{t: t, path: filepath.Join(dir, "list", "prices.json")}
	other := filepath.Join(dir, "other.json")
	c.write(priceList)
	must(os.WriteFile(other, []byte(`{"ale": 5}`), 0o644))
	c.shop = open(t, o,
		Prices.Bind("file", data.File(c.path, time.Second, data.JSON[int])),
		Prices.Bind("other", data.File(other, time.Second, data.JSON[int])),
	)
	c.has("file jam 4", "file tea 3", "other ale 5")
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for range c.feed.Table().Watch(ctx) {
			c.told.Add(1)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-watched
	})
	return c
}

func (c *cabinet) write(text string) {
	must(os.MkdirAll(filepath.Dir(c.path), 0o755))
	must(os.WriteFile(c.path, []byte(text), 0o644))
}

// has lets time pass and compares the table and the status.
func (c *cabinet) has(want ...string) {
	c.t.Helper()
	time.Sleep(longPause)
	c.expect(c.t, want...)
	for _, st := range c.feed.Status() {
		if st.Err != nil || !st.Good.Equal(st.Tried) {
			c.t.Errorf("%s is not well: %+v", st.Source, st)
		}
	}
}

// fails lets time pass and expects that the file cannot be read for that reason, and
// that all is as it was.
func (c *cabinet) fails(want string) {
	c.t.Helper()
	c.failsLike("^" + regexp.QuoteMeta(owner+want) + "$")
}

func (c *cabinet) failsLike(want string) {
	c.t.Helper()
	synctest.Wait()
	table, told, before := c.feed.Table().Get(), c.told.Load(), c.feed.Status()
	time.Sleep(longPause)
	synctest.Wait()
	if c.feed.Table().Get() != table || c.told.Load() != told {
		c.t.Errorf("the table has changed to %v", lines(c.feed.Table().Get()))
	}
	st := c.feed.Status()
	if st[0].Err == nil || !regexp.MustCompile(want).MatchString(st[0].Err.Error()) {
		c.t.Errorf("got %v, want %s", st[0].Err, want)
	}
	if st[0].Entries != 2 || st[0].Version != before[0].Version || !st[0].Good.Equal(before[0].Good) || time.Since(st[0].Tried) > 10*time.Second || st[0].Tried.Before(st[0].Good) {
		c.t.Errorf("the status is %+v, and was %+v", st[0], before[0])
	}
	if st[1].Source != "other" || st[1].Err != nil || st[1].Entries != 1 {
		c.t.Errorf("the other file suffers: %+v", st[1])
	}
}

// position returns how a PositionError names the place before which the text lies.
func position(text string) string {
	return fmt.Sprintf("%d:%d: ", strings.Count(text, "\n")+1, len(text)-strings.LastIndexByte(text, '\n'))
}

// What a file may be, in turn: it is made so, stays so, and is made well again.
func TestFaultsOfFiles(t *testing.T) {
	text := func(s string) func(*cabinet) { return func(c *cabinet) { c.write(s) } }
	instead := func(make func(path string) error) func(*cabinet) {
		return func(c *cabinet) {
			must(os.Remove(c.path))
			must(make(c.path))
		}
	}
	link := func(to string) func(*cabinet) {
		return instead(func(path string) error { return os.Symlink(to, path) })
	}
	const deep = 20_000
	for _, f := range []struct {
		name string
		make func(*cabinet)
		want string // P is the path
	}{
		{"missing", func(c *cabinet) { must(os.Remove(c.path)) }, "stat P: no such file or directory"},
		{"directory missing", func(c *cabinet) { must(os.RemoveAll(filepath.Dir(c.path))) }, "stat P: no such file or directory"},
		{"directory a file", func(c *cabinet) {
			must(os.RemoveAll(filepath.Dir(c.path)))
			must(os.WriteFile(filepath.Dir(c.path), []byte(priceList), 0o644))
		}, "stat P: not a directory"},
		{"directory", instead(func(p string) error { return os.Mkdir(p, 0o755) }), "P is a directory: name a regular file, or a link to one"},
		{"link to itself", link("prices.json"), "stat P: too many levels of symbolic links"},
		{"link to nothing", link("nowhere"), "stat P: no such file or directory"},
		{"link to a directory", link("."), "P is a directory: name a regular file, or a link to one"},
		{"endless device", link("/dev/zero"), "P is a device: name a regular file, or a link to one"},
		{"socket", instead(func(p string) error {
			l, err := net.Listen("unix", p)
			if err == nil {
				l.(*net.UnixListener).SetUnlinkOnClose(false)
				err = l.Close()
			}
			return err
		}), "P is a socket: name a regular file, or a link to one"},
		{"empty", text(""), "P:1:1: unexpected end of JSON input"},
		{"blank", text("\n \n"), "P:3:1: unexpected end of JSON input"},
		{"null", text("null"), "P:1:1: the text is not an object: begin it with {"},
		{"null behind a line", text("\n  null\n"), "P:2:3: the text is not an object: begin it with {"},
		{"array", text("[]"), "P:1:1: the text is not an object: begin it with {"},
		{"null entry", text("{\"tea\": 3,\n\"jam\": null}"), "P:2:8: the entry is null: leave it out, or give it a value"},
		{"bracket behind", text("{\"tea\": 3}\n]"), "P:2:1: invalid character ']' after top-level value"},
		{"written twice", text(priceList + priceList), "P:3:1: invalid character '{' after top-level value"},
		{"zero bytes behind", text(priceList + "\x00\x00"), `P:3:1: invalid character '\x00' after top-level value`},
		{"key twice", text("{\"tea\": 3,\n \"jam\": 4,\n  \"tea\": 3}"), `P:3:3: the object has the key "tea" already at 1:2: rename it, or drop one`},
		{"key twice behind a mark", text("\uFEFF{\"tea\": 3, \"tea\": 3}"), `P:1:12: the object has the key "tea" already at 1:2: rename it, or drop one`},
		{"mark twice", text("\uFEFF\uFEFF{}"), "P:1:1: " + std[any]("\uFEFF")},
		{"mark alone", text("\uFEFF"), "P:1:1: unexpected end of JSON input"},
		{"UTF-16", text("\xff\xfe{\x00}\x00"), "P:1:1: the text is UTF-16: save it as UTF-8"},
		{"UTF-16, other end first", text("\xfe\xff\x00{\x00}"), "P:1:1: the text is UTF-16: save it as UTF-8"},
		{"no UTF-8", text("{\"tea\": 3,\n\"j\xe4m\": 4}"), "P:2:3: the byte 0xe4 is no UTF-8: save the text as UTF-8"},
		{"binary", text("\x7fELF\x02\x01"), `P:1:1: invalid character '\x7f' looking for beginning of value`},
		{"zeros", text(strings.Repeat("\x00", len(priceList))), `P:1:1: invalid character '\x00' looking for beginning of value`},
		{"comma at the end", text("{\"tea\": 3,\n}"), "P:2:1: invalid character '}' looking for beginning of object key string"},
		{"comment", text("{\n// cents\n\"tea\": 3}"), "P:2:1: invalid character '/' looking for beginning of object key string"},
		{"line feed in a key", text("{\"te\na\": 3}"), "P:1:5: " + std[any]("\"\n\"")},
		{"wrong type", text("{\"tea\": 3,\n\"jam\": \"4\"}"), "P:2:11: " + std[map[string]int](`{"jam": "4"}`)},
		{"too large a number", text("{\"tea\": 1e400}"), "P:1:14: " + std[map[string]int](`{"tea": 1e400}`)},
		{"deep", text(`{"tea": ` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + "}"), "P:1:10008: " + std[any](strings.Repeat("[", deep))},
		{"deep and cut", text(strings.Repeat(`{"a":`, deep)), "P:1:50001: " + std[any](strings.Repeat(`{"a":`, deep))},
	} {
		t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := openCabinet(t, data.Options{})
				f.make(c)
				c.fails(strings.ReplaceAll(f.want, "P", c.path))
				c.fails(strings.ReplaceAll(f.want, "P", c.path))
				must(os.RemoveAll(filepath.Dir(c.path)))
				c.write(priceList)
				told := c.told.Load()
				c.has("file jam 4", "file tea 3", "other ale 5")
				if c.told.Load() != told {
					t.Error("it is back as it was, and yet the table has changed")
				}
				c.write(`{"tea": 7}`)
				c.has("file tea 7", "other ale 5")
			})
		})
	}
}

// A feed opens with a file in each of these states, without an entry of it.
func TestFaultsOfFilesAtOpen(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "null": "null", "cut": priceList[:12], "twice": `{"tea": 1, "tea": 1}`} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "prices.json")
				must(os.WriteFile(path, []byte(text), 0o644))
				s := open(t, data.Options{}, Prices.Bind("file", data.File(path, time.Second, data.JSON[int])))
				s.expect(t)
				st := s.feed.Status()[0]
				var at *data.PositionError
				if !errors.As(st.Err, &at) || !st.Good.IsZero() || st.Version != "" || st.Entries != 0 || st.Tried.IsZero() {
					t.Errorf("the status is %+v", st)
				}
				must(os.WriteFile(path, []byte(priceList), 0o644))
				time.Sleep(longPause)
				s.expect(t, "file jam 4", "file tea 3")
			})
		})
	}
}

// A file cut short anywhere loses nothing, and the error names its end.
func TestTruncatedFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := openCabinet(t, data.Options{})
		whole := strings.TrimSpace(priceList)
		for n := range len(whole) {
			must(os.Truncate(c.path, int64(n)))
			c.fails(c.path + ":" + position(whole[:n]) + "unexpected end of JSON input")
			c.write(whole)
			time.Sleep(longPause)
		}
		// Written slowly, at more places than one poll sees.
		for n := range len(whole) {
			c.write(whole[:n])
			time.Sleep(300 * time.Millisecond)
			c.expect(t, "file jam 4", "file tea 3", "other ale 5")
		}
		c.write(whole)
		c.has("file jam 4", "file tea 3", "other ale 5")
		if c.told.Load() != 1 {
			t.Errorf("told of %d tables, want the first alone", c.told.Load())
		}
	})
}

// becomeNobody makes the process one that may not read what it has no rights for, and
// returns how to end that. For anybody but root there is nothing to do.
func becomeNobody(t *testing.T) (end func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		return func() {}
	}
	if err := syscall.Setreuid(-1, 65534); err != nil {
		t.Skipf("root may read everything, and cannot become somebody else: %v", err)
	}
	return func() { must(syscall.Setreuid(-1, 0)) }
}

func TestFileWithoutPermission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := openCabinet(t, data.Options{})
		must(os.Chmod(c.path, 0))
		// The directories of a test are its user's own: let others reach the files.
		for dir := filepath.Dir(c.path); dir != filepath.Clean(os.TempDir()) && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			must(os.Chmod(dir, 0o755))
		}
		func() {
			defer becomeNobody(t)()
			if f, err := os.Open(c.path); err == nil {
				must(f.Close())
				t.Skip("the system lets this user read files without permission")
			}
			c.failsLike("^" + owner + "(open|stat) " + regexp.QuoteMeta(c.path) + ": permission denied$")
		}()
		must(os.Chmod(c.path, 0o644))
		c.has("file jam 4", "file tea 3", "other ale 5")
	})
}

// A huge file is refused by its size, and not after so much of it was read.
func TestHugeFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := openCabinet(t, data.Options{})
		must(os.Truncate(c.path, 1<<30))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.fails(fmt.Sprintf("%s has more than 67108864 bytes: make it smaller, or say in Options how large it may be", c.path))
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 32<<20 {
			t.Errorf("%d bytes were allocated", n)
		}
		c.write(priceList)
		c.has("file jam 4", "file tea 3", "other ale 5")
	})
}

// A file may have exactly as many bytes as it may have.
func TestLargestFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 100
		c := openCabinet(t, data.Options{MaxSize: most})
		whole := `{"tea": 7` + strings.Repeat(" ", most-10) + "}"
		c.write(whole)
		c.has("file tea 7", "other ale 5")
		c.write(priceList)
		c.has("file jam 4", "file tea 3", "other ale 5")
		c.write(whole + " ")
		c.fails(fmt.Sprintf("%s has more than %d bytes: make it smaller, or say in Options how large it may be", c.path, most))
	})
}

// A file may hold more than it says, as one does that grows, or that the kernel makes
// up: it is read, and no further than it may be.
func TestFileLargerThanItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := modest{fstest.MapFS{"small": {Data: []byte(`{"tea": 3}`)}, "large": {Data: []byte(`{"tea": 3 }`)}}}
		s := open(t, data.Options{MaxSize: 10}, Prices.Bind("small", data.FS(fsys, "small", data.JSON[int])), Prices.Bind("large", data.FS(fsys, "large", data.JSON[int])))
		s.expect(t, "small tea 3")
		want := `capability "prices", provider "large", scope "engine": large has more than 10 bytes: make it smaller, or say in Options how large it may be`
		if err := s.feed.Status()[1].Err; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

// A modest file system has files that say that they are empty.
type modest struct{ fs.FS }

func (m modest) Open(name string) (fs.File, error) {
	f, err := m.FS.Open(name)
	return modestFile{f}, err
}

type modestFile struct{ fs.File }

func (f modestFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return modestInfo{info}, err
}

type modestInfo struct{ fs.FileInfo }

func (modestInfo) Size() int64 { return 0 }

// Opening a pipe waits for somebody who writes, so it is not opened. Time is real here:
// what waits in the kernel stops the clock of a bubble.
func TestNamedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prices.json")
	must(syscall.Mkfifo(path, 0o644))
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(Prices.Bind("file", data.File(path, time.Second, data.JSON[int]))))
	scope, err := capability.Compose(engine)
	must(err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	f, err := data.Open(ctx, scope, Prices, data.Options{StopTimeout: time.Second})
	if err != nil {
		t.Fatalf("a pipe keeps the feed from opening: %v", err)
	}
	want := owner + path + " is a pipe: name a regular file, or a link to one"
	if err := f.Status()[0].Err; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	must(f.Close())
	must(scope.Close())
	must(engine.Close(t.Context()))
}

// Ways of changing a file: each is seen, and told once.
func TestWaysOfChangingAFile(t *testing.T) {
	const next = "{\"tea\": 9,\n \"jam\": 4}\n" // of the same length
	aside := func(c *cabinet, name, text string) string {
		path := filepath.Join(filepath.Dir(c.path), name)
		must(os.MkdirAll(filepath.Dir(path), 0o755))
		must(os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	swap := func(c *cabinet, to, link string) {
		fresh := filepath.Join(filepath.Dir(c.path), "fresh")
		must(os.Symlink(to, fresh))
		must(os.Rename(fresh, link))
	}
	for _, w := range []struct {
		name          string
		before, after func(*cabinet)
		silent        bool // the entries are the same
	}{
		{"rename over", nil, func(c *cabinet) { must(os.Rename(aside(c, "new", next), c.path)) }, false},
		{"in place", nil, func(c *cabinet) { c.write(next) }, false},
		{"same size and time", nil, func(c *cabinet) {
			info, err := os.Stat(c.path)
			must(err)
			c.write(next)
			must(os.Chtimes(c.path, info.ModTime(), info.ModTime()))
		}, false},
		{"time in the past", nil, func(c *cabinet) {
			c.write(next)
			must(os.Chtimes(c.path, time.Unix(1, 0), time.Unix(1, 0)))
		}, false},
		{"time in the future", func(c *cabinet) {
			must(os.Chtimes(c.path, time.Unix(1<<32, 0), time.Unix(1<<32, 0)))
		}, func(c *cabinet) { c.write(next) }, false},
		{"deleted and back", func(c *cabinet) { must(os.Remove(c.path)) }, func(c *cabinet) { c.write(next) }, false},
		{"deleted and back as it was", func(c *cabinet) { must(os.Remove(c.path)) }, func(c *cabinet) { c.write(priceList) }, true},
		{"link swapped", func(c *cabinet) {
			must(os.Rename(aside(c, "one", priceList), c.path+".one"))
			swap(c, "prices.json.one", c.path)
		}, func(c *cabinet) { aside(c, "two", next); swap(c, "two", c.path) }, false},
		{"link of a directory on the way swapped", func(c *cabinet) {
			aside(c, "v1/list", priceList)
			aside(c, "v2/list", next)
			swap(c, "v1", filepath.Join(filepath.Dir(c.path), "now"))
			swap(c, "now/list", c.path)
		}, func(c *cabinet) { swap(c, "v2", filepath.Join(filepath.Dir(c.path), "now")) }, false},
		{"faster than the interval", nil, func(c *cabinet) {
			for i := range 50 {
				c.write(fmt.Sprintf(`{"tea": %d}`, i))
				time.Sleep(time.Millisecond)
			}
			c.write(next)
		}, false},
		{"there and back within the interval", nil, func(c *cabinet) {
			c.write(next)
			c.write("{")
			c.write(priceList)
		}, true},
		{"white space", nil, func(c *cabinet) { c.write("\n\n" + priceList + "\t") }, true},
		{"order of the keys", nil, func(c *cabinet) { c.write(`{"jam": 4, "tea": 3}`) }, true},
		{"a mark in front", nil, func(c *cabinet) { c.write("\uFEFF" + priceList) }, true},
	} {
		t.Run(strings.ReplaceAll(w.name, " ", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := openCabinet(t, data.Options{})
				synctest.Wait()
				if w.before != nil {
					w.before(c)
					time.Sleep(longPause)
					synctest.Wait()
				}
				told := c.told.Load()
				time.Sleep(time.Millisecond) // so that a poll is never at the same time
				w.after(c)
				if w.silent {
					c.has("file jam 4", "file tea 3", "other ale 5")
				} else {
					c.has("file jam 4", "file tea 9", "other ale 5")
					told++
				}
				if c.told.Load() != told {
					t.Errorf("told %d times, want %d", c.told.Load(), told)
				}
			})
		})
	}
}

// A file is read as often as it says, and not when it says that it never changes.
func TestFileIsReadOnceIfAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "prices.json")
		must(os.WriteFile(path, []byte(priceList), 0o644))
		s := open(t, data.Options{}, Prices.Bind("once", data.File(path, 0, data.JSON[int])), Prices.Bind("slow", data.File(path, time.Hour, data.JSON[int])))
		must(os.WriteFile(path, []byte(`{"tea": 9}`), 0o644))
		time.Sleep(time.Hour - 1)
		s.expect(t, "once jam 4", "once tea 3", "slow jam 4", "slow tea 3")
		time.Sleep(time.Nanosecond)
		s.expect(t, "once jam 4", "once tea 3", "slow tea 9")
		must(s.feed.Reload(t.Context()))
		s.expect(t, "once tea 9", "slow tea 9")
	})
}

// Sources that misbehave once they have published: what they said before stays, the
// status says why, and they are run again.
func TestFaultsOfSources(t *testing.T) {
	var nothing prices
	for _, f := range []struct {
		name string
		do   func() error
		want string
	}{
		{"error", func() error { return errors.New("no paper") }, "no paper"},
		{"joined errors", func() error { return errors.Join(errors.New("no paper"), errors.New("no ink")) }, "no paper\nno ink"},
		{"error that panics", func() error { return mute{} }, "data_test.mute whose Error method panics"},
		{"panic with an error", func() error { panic(errors.New("no paper")) }, "it panicked: no paper"},
		{"panic with a text", func() error { panic("no paper") }, "it panicked: no paper"},
		{"panic with nil", func() error { panic(nil) }, "it panicked: " + new(runtime.PanicNilError).Error()},
		{"panic with an error that panics", func() error { panic(mute{}) }, "it panicked: data_test.mute whose Error method panics"},
		{"nil map", func() error { nothing["tea"] = 1; return nil }, "it panicked: assignment to entry in nil map"},
		{"exit", func() error { runtime.Goexit(); return nil }, "it ended its goroutine with runtime.Goexit: return an error instead"},
	} {
		t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				s := open(t, data.Options{}, Prices.Bind("list", runFunc(func(ctx context.Context, publish func(prices)) error {
					runs++
					publish(prices{"tea": runs})
					if runs <= 3 {
						return f.do()
					}
					<-ctx.Done()
					return nil
				})))
				for n := 1; n <= 3; n++ {
					s.expect(t, fmt.Sprintf("list tea %d", n))
					want := `capability "prices", provider "list", scope "engine": ` + f.want
					err := s.feed.Status()[0].Err
					if err == nil || err.Error() != want {
						t.Errorf("got %v, want %s", err, want)
					}
					if errors.Is(err, capability.ErrPanic) != strings.HasPrefix(f.want, "it ") {
						t.Errorf("%v is a panic: %t", err, errors.Is(err, capability.ErrPanic))
					}
					time.Sleep(100 * time.Millisecond << (n - 1))
				}
				s.expect(t, "list tea 4")
				if err := s.feed.Status()[0].Err; err != nil {
					t.Errorf("got %v after it has published", err)
				}
			})
		})
	}
}

// A mute error has nothing to say.
type mute struct{}

func (mute) Error() string { panic("mute") }

// A source may do to its own registry what everybody may.
func TestSourcesThatChangeTheirRegistry(t *testing.T) {
	for _, f := range []struct {
		name string
		do   func(*shop) error
		want []string
	}{
		{"bind another", func(s *shop) error { return s.engine.Apply(Prices.Bind("new", data.Static(prices{"ale": 5}))) }, []string{"list tea 3", "new ale 5"}},
		{"unbind itself", func(s *shop) error { return s.engine.Apply(Prices.Unbind("list")) }, []string{}},
		{"replace itself", func(s *shop) error { return s.orders.Apply(Prices.Rebind("list", data.Static(prices{"tea": 4}))) }, []string{"list tea 4"}},
		{"mask itself", func(s *shop) error { return s.orders.Apply(Prices.Mask("list")) }, []string{}},
		{"read the table and the status", func(s *shop) error { s.feed.Table().Get().Len(); s.feed.Status(); return nil }, []string{"list tea 3"}},
	} {
		t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at := make(chan *shop)
				var err error
				list := &pushed{make(chan any)}
				s := open(t, data.Options{}, Prices.Bind("list", &selfish{list, at, func(s *shop) { err = f.do(s) }}))
				at <- s
				s.expect(t, f.want...)
				if err != nil {
					t.Errorf("refused: %v", err)
				}
			})
		})
	}
}

// A selfish source does something with its shop as soon as it knows it.
type selfish struct {
	*pushed
	at chan *shop
	do func(*shop)
}

func (s *selfish) Run(ctx context.Context, publish func(prices)) error {
	publish(prices{"tea": 3})
	select {
	case shop := <-s.at:
		s.do(shop)
	case <-ctx.Done():
	}
	<-ctx.Done()
	return nil
}

// A source that was stopped and goes on publishes for nobody, whenever its Run returns.
func TestSourceThatIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stubborn := runFunc(func(ctx context.Context, publish func(prices)) error {
			for n := range 10 {
				publish(prices{"tea": n})
				time.Sleep(time.Second)
			}
			<-ctx.Done()
			return nil
		})
		retired := time.Time{}
		s := open(t, data.Options{}, Prices.Bind("list", stubborn).OnRetire(func() error { retired = time.Now(); return nil }), Prices.Bind("kept", data.Static(prices{"jam": 4})))
		begun := time.Now()
		time.Sleep(3500 * time.Millisecond)
		s.expect(t, "list tea 3", "kept jam 4")
		must(s.engine.Apply(Prices.Unbind("list")))
		for range 10 {
			s.expect(t, "kept jam 4")
			if st := s.feed.Status(); len(st) != 1 || st[0].Source != "kept" {
				t.Errorf("the status is %+v", st)
			}
			time.Sleep(time.Second)
		}
		if got := retired.Sub(begun); got != 10*time.Second {
			t.Errorf("it was retired after %v, want when it has returned", got)
		}
	})
}

// What a source publishes while the feed closes does not count either.
func TestSourceThatPublishesDuringClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, data.Options{}, Prices.Bind("list", runFunc(func(ctx context.Context, publish func(prices)) error {
			publish(prices{"tea": 3})
			<-ctx.Done()
			time.Sleep(time.Second)
			publish(prices{"tea": 4})
			return errors.New("too late")
		})))
		before := s.feed.Status()
		table := s.feed.Table().Get()
		must(s.feed.Close())
		if diff := cmp.Diff(before, s.feed.Status()); diff != "" || table != s.feed.Table().Get() {
			t.Errorf("status (-before +after):\n%s", diff)
		}
	})
}

// A feed of a key that can only be leased is refused.
func TestOnlyLeasedIsRefused(t *testing.T) {
	leased := capability.New[source]("leased-prices", "say what things cost", capability.OnlyLeased())
	engine := capability.NewRegistry(capability.Engine, "engine")
	must(engine.Apply(leased.Bind("list", data.Static(prices{"tea": 3}))))
	scope, err := capability.Compose(engine)
	must(err)
	f, err := data.Open(t.Context(), scope, leased, data.Options{})
	if f != nil || !errors.Is(err, capability.ErrInvalid) {
		t.Errorf("got %v, %v", f, err)
	}
	must(scope.Close())
	must(engine.Close(t.Context())) // nobody holds it
}

// A key that equals nothing, not even itself, is refused as a failure of its source.
func TestKeyThatIsNoNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		none := 0.0
		none /= none
		rates := capability.New[data.Source[float64, string]]("rates", "name rates")
		engine := capability.NewRegistry(capability.Engine, "engine")
		must(engine.Apply(rates.Bind("bank", data.Static(map[float64]string{none: "none", 1: "one"})), rates.Bind("fair", data.Static(map[float64]string{-1: "loss", 0: "zero"}))))
		scope, err := capability.Compose(engine)
		must(err)
		f, err := data.Open(t.Context(), scope, rates, data.Options{})
		must(err)
		var got []string
		for e := range f.Table().Get().All() {
			got = append(got, fmt.Sprint(e.Source, e.Key, e.Value))
		}
		if diff := cmp.Diff([]string{"fair-1loss", "fair0zero"}, got); diff != "" {
			t.Errorf("table (-want +got):\n%s", diff)
		}
		want := `capability "rates", provider "bank", scope "engine": a key is NaN, which equals nothing: leave it out`
		if st := f.Status()[0]; st.Err == nil || st.Err.Error() != want || st.Version != "" {
			t.Errorf("got %+v, want %s", st, want)
		}
		must(f.Close())
		must(scope.Close())
		must(engine.Close(t.Context()))
	})
}
