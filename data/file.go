// Files as sources.

package data

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// MaxSize is the size of files, in bytes, up to which [File] and [FS] read them, unless
// [Options] say another.
const MaxSize = 64 << 20

// File returns a source of what a file holds, as decode understands it. It reads the
// file when it starts and again every so often, once only if every is not
// positive, and decodes it if it holds something else. So it notices every way of
// changing a file, also one that leaves size and time as they were, and it costs the
// reading of the file each time. A file that is missing, too large, not a file, or not
// understood is a failure: the last good data stay in service, and the file is read
// again after that time, or after the pause of a failure if that is shorter.
func File[K cmp.Ordered, V any](path string, every time.Duration, decode func([]byte) (map[K]V, error)) Source[K, V] {
	return &file[K, V]{path, every, decode, func() (fs.File, error) {
		// Opening a pipe would wait for its writer.
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return notRegular{info}, err
		}
		return os.Open(path)
	}}
}

// FS returns a source of what a file of fsys holds, as decode understands it. It reads
// the file once, when it starts.
func FS[K cmp.Ordered, V any](fsys fs.FS, path string, decode func([]byte) (map[K]V, error)) Source[K, V] {
	return &file[K, V]{path, 0, decode, func() (fs.File, error) {
		if info, err := fs.Stat(fsys, path); err != nil || !info.Mode().IsRegular() {
			return notRegular{info}, err
		}
		return fsys.Open(path)
	}}
}

// notRegular is what is not opened.
type notRegular struct{ info fs.FileInfo }

func (n notRegular) Stat() (fs.FileInfo, error) { return n.info, nil }
func (notRegular) Read([]byte) (int, error)     { return 0, io.EOF }
func (notRegular) Close() error                 { return nil }

type file[K cmp.Ordered, V any] struct {
	path   string
	every  time.Duration
	decode func([]byte) (map[K]V, error)
	open   func() (fs.File, error)
}

func (f *file[K, V]) Run(ctx context.Context, publish func(map[K]V)) error {
	var last [sha256.Size]byte
	for first := true; ; first = false {
		data, err := f.read(maxSize(ctx))
		if err != nil {
			return &soon{err, f.every}
		}
		if sum := sha256.Sum256(data); first || sum != last {
			m, err := f.decode(data)
			if err != nil {
				return &soon{f.locate(err), f.every}
			}
			publish(m)
			last = sum
		}
		if !wait(ctx, f.every) {
			return nil
		}
	}
}

// A soon is a failure after which Run is called again within that time, if it is
// positive.
type soon struct {
	err    error
	within time.Duration
}

func (s *soon) Error() string { return s.err.Error() }
func (s *soon) Unwrap() error { return s.err }

// read returns what the file holds, if that are at most so many bytes.
func (f *file[K, V]) read(most int64) ([]byte, error) {
	file, err := f.open()
	if err != nil {
		return nil, err // it has the path
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is %s: name a regular file, or a link to one", f.path, kind(info.Mode()))
	case info.Size() > most:
		return nil, f.tooLarge(most)
	}
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(data)) > most {
		err = f.tooLarge(most)
	}
	return data, err
}

// kind says what a file is that is not regular.
func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "no file of data"
}

func (f *file[K, V]) tooLarge(most int64) error {
	return fmt.Errorf("%s has more than %d bytes: make it smaller, or say in Options how large it may be", f.path, most)
}

// locate puts the path before what decode says.
func (f *file[K, V]) locate(err error) error {
	if at := (*PositionError)(nil); errors.As(err, &at) {
		return fmt.Errorf("%s:%w", f.path, err) // like a compiler
	}
	return fmt.Errorf("%s: %w", f.path, err)
}

// sizeKey is the key of the greatest size in the context of a Run.
type sizeKey struct{}

func maxSize(ctx context.Context) int64 {
	if most, ok := ctx.Value(sizeKey{}).(int64); ok {
		return most
	}
	return MaxSize
}
