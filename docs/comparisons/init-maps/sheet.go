// What both versions work on: a sheet, and drivers that write it.

// Package initmaps is the code of init-maps.md: the export drivers of a spreadsheet, in a
// package-level map that init functions fill, and as a capability.
package initmaps

import (
	"errors"
	"strings"
	"sync/atomic"
)

// A Sheet is rows of cells.
type Sheet [][]string

// A Driver writes a sheet in some format.
type Driver interface {
	Export(Sheet) (string, error)
}

// delimited is a driver that has to be closed, as one with a connection or a cache has.
type delimited struct {
	comma  string
	during func() // called in the middle of each export, if it is there
	closed atomic.Bool
}

var errClosed = errors.New("the driver is closed")

func (d *delimited) Export(s Sheet) (string, error) {
	if d.during != nil {
		d.during()
	}
	if d.closed.Load() {
		return "", errClosed
	}
	var b strings.Builder
	for _, row := range s {
		b.WriteString(strings.Join(row, d.comma) + "\n")
	}
	return b.String(), nil
}

func (d *delimited) Close() error {
	d.closed.Store(true)
	return nil
}
