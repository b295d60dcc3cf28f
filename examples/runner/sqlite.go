// The storage provider: an SQLite database.

package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite" // the driver "sqlite", in pure Go
)

// A database is a Store in a file.
type database struct {
	file     string
	patience time.Duration // how long another program may take for a transaction
	db       *sql.DB
}

// Close closes the database.
func (d *database) Close() error { return d.failed(d.db.Close()) }

// failed says where an error happened.
func (d *database) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("database %s: %w", d.file, d.advise(err))
}

const columns = "name, command, environment, image, time_limit"

// Get is of Catalog.
func (d *database) Get(ctx context.Context, name string) (Plugin, error) {
	p, err := scan(d.db.QueryRowContext(ctx, "SELECT "+columns+" FROM plugins WHERE name = ?", name).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Plugin{}, errAbsent
	}
	return p, d.failed(err)
}

// List is of Catalog.
func (d *database) List(ctx context.Context) ([]Plugin, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT "+columns+" FROM plugins ORDER BY name")
	if err != nil {
		return nil, d.failed(err)
	}
	defer rows.Close() // after the last Next it does nothing
	var all []Plugin
	for rows.Next() {
		p, err := scan(rows.Scan)
		if err != nil {
			return nil, d.failed(err)
		}
		all = append(all, p)
	}
	return all, d.failed(rows.Err())
}

// scan reads a row.
func scan(row func(...any) error) (p Plugin, err error) {
	var command, environment string
	if err := row(&p.Name, &command, &environment, &p.Image, &p.TimeLimit); err != nil {
		return Plugin{}, err
	}
	err = errors.Join(json.Unmarshal([]byte(command), &p.Command), json.Unmarshal([]byte(environment), &p.Environment))
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return Plugin{}, fmt.Errorf("what it keeps of plug-in %q is damaged: remove it and add it again: %w", p.Name, err)
	}
	return p, nil
}

// Add is of Ledger.
func (d *database) Add(ctx context.Context, p Plugin) error {
	command, err := json.Marshal(p.Command)
	if err != nil {
		return d.failed(err)
	}
	environment, err := json.Marshal(p.Environment)
	if err != nil {
		return d.failed(err)
	}
	return d.change(ctx, errTaken, "INSERT INTO plugins ("+columns+") VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		p.Name, string(command), string(environment), p.Image, int64(p.TimeLimit))
}

// Remove is of Ledger.
func (d *database) Remove(ctx context.Context, name string) error {
	return d.change(ctx, errAbsent, "DELETE FROM plugins WHERE name = ?", name)
}

// change changes one row, and returns without if there is none to change.
func (d *database) change(ctx context.Context, without error, statement string, args ...any) error {
	result, err := d.db.ExecContext(ctx, statement, args...)
	if err != nil {
		return d.failed(err)
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return d.failed(err)
	}
	return without
}

// advise adds to an error of SQLite what to do about it.
func (d *database) advise(err error) error {
	const primary, locked = 0xff, 5 // of the codes of SQLite
	var e *sqlite.Error
	switch {
	case !errors.As(err, &e):
		return err
	case e.Code()&primary == locked:
		return fmt.Errorf("%w for more than %v: try again when the other program is done", err, d.patience)
	}
	return fmt.Errorf("%w: see that you may write it and its directory, or name another file with -db", err)
}
