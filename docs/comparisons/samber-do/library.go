// What both versions work on: the database of a lending library, and the desk that lends.

// Package samberdo is the code of samber-do.md: a desk that needs a database, put together
// by github.com/samber/do/v2, and by hand with capabilities.
package samberdo

import (
	"fmt"
	"slices"
	"sync"
)

// A Catalogue knows the titles of books.
type Catalogue interface {
	Title(shelf int) string
}

// A Diary notes what is opened and closed, in order.
type Diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *Diary) Note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *Diary) Lines() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

// A Database is a Catalogue that is opened, checked and closed.
type Database struct {
	name  string
	diary *Diary
	sick  error         // what HealthCheck and Shutdown say
	stuck chan struct{} // what Shutdown waits for, if it is there
}

func Open(name string, diary *Diary) *Database {
	diary.Note("open " + name)
	return &Database{name: name, diary: diary}
}

func (d *Database) Title(shelf int) string { return fmt.Sprintf("%s, shelf %d", d.name, shelf) }

func (d *Database) HealthCheck() error { return d.sick }

func (d *Database) Shutdown() error {
	if d.stuck != nil {
		<-d.stuck
	}
	d.diary.Note("close " + d.name)
	return d.sick
}

// A Desk lends what a catalogue has.
type Desk struct {
	catalogue Catalogue
	diary     *Diary
}

func (d *Desk) Lend(shelf int) string { return "lent: " + d.catalogue.Title(shelf) }

func (d *Desk) Shutdown() error {
	d.diary.Note("close the desk")
	return nil
}
