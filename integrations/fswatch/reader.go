// Readers: a file that is decoded only if it holds something else.

package fswatch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"runtime/debug"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/data"
)

// A reader reads a file for one Run.
type reader[K cmp.Ordered, V any] struct {
	source  data.Source[K, V] // reads once
	decode  func([]byte) (map[K]V, error)
	publish func(map[K]V)

	decoded bool // the rest is set
	sum     [sha256.Size]byte
	err     error // what decode said of it
}

// errUnchanged stands for data that decode need not look at.
var errUnchanged = errors.New("the file is as it was")

func newReader[K cmp.Ordered, V any](path string, decode func([]byte) (map[K]V, error), publish func(map[K]V)) *reader[K, V] {
	r := &reader[K, V]{decode: decode, publish: publish}
	r.source = data.File(path, 0, r.understand)
	return r
}

// read reads the file and publishes what it holds, if that is not what decode saw last.
// The first data of a Run are always published: that says that the source is well.
func (r *reader[K, V]) read(ctx context.Context) error {
	once, done := context.WithCancel(ctx)
	defer done()
	err := r.source.Run(once, func(m map[K]V) {
		r.publish(m)
		done() // it would wait for the end of its context
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// understand decodes what is new. A panic becomes an error here, as a source that panics
// does not watch until the file is good again.
func (r *reader[K, V]) understand(text []byte) (m map[K]V, err error) {
	sum := sha256.Sum256(text)
	if r.decoded && sum == r.sum {
		return nil, cmp.Or(r.err, errUnchanged)
	}
	defer func() {
		if v := recover(); v != nil {
			m, err = nil, &capability.PanicError{Value: v, Stack: debug.Stack()}
		}
		r.decoded, r.sum, r.err = true, sum, err
	}()
	return r.decode(text)
}
