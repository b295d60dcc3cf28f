// The file of the database: how it is opened, made, and told from those of others.

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// An access is what a command does with the database, in the words of SQLite.
type access string

const (
	reading access = "ro"
	editing access = "rw"
	filling access = "rwc" // and makes the file if it is missing
)

// application marks the databases of this program, version those of this schema.
const application, version = 0x72756e72, 1

const schema = `
	CREATE TABLE plugins (
		name        TEXT PRIMARY KEY,
		command     TEXT NOT NULL,    -- a JSON array of words
		environment TEXT NOT NULL,    -- a JSON array of NAME=VALUE
		image       TEXT NOT NULL,
		time_limit  INTEGER NOT NULL  -- in nanoseconds
	) STRICT, WITHOUT ROWID`

// openDatabase opens the file, where other programs may take so long for what they do.
// Who gets it closes it.
func openDatabase(ctx context.Context, file string, how access, patience time.Duration) (*database, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", file, err)
	}
	if how == filling {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("database %s: %w: see that its directory exists and that you may write it, or name another file with -db", file, err)
		}
	}
	path = filepath.ToSlash(path)
	name := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(path, "/"), RawQuery: url.Values{
		"mode": {string(how)}, "_txlock": {"immediate"}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds())},
	}.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", file, err)
	}
	db.SetMaxOpenConns(1)
	d := &database{file, patience, db}
	if err := d.prepare(ctx, how); err != nil {
		db.Close() // nothing was written that could be lost
		return nil, fmt.Errorf("database %s: %w", file, d.explain(how, err))
	}
	return d, nil
}

// create makes the file unless it is there. Only its owner may read it, because the
// environment of a plug-in may hold secrets.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return causeOf(err)
	}
	return f.Close()
}

// prepare makes the table in a new database, and refuses the database of somebody
// else.
func (d *database) prepare(ctx context.Context, how access) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	var app, ver, tables int64
	err = tx.QueryRowContext(ctx, `SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id, pragma_user_version`).Scan(&app, &ver, &tables)
	switch {
	case err != nil:
		return err
	case app == application && ver == version:
		return nil
	case app == application:
		return fmt.Errorf("it is of version %d, and this program knows version %d: name another file with -db", ver, version)
	case app != 0 || tables != 0:
		return errors.New("it belongs to another program: name another file with -db")
	case how != filling:
		return errors.New("it is empty: add a plug-in first, or name another file with -db")
	}
	for _, statement := range []string{
		schema, fmt.Sprintf("PRAGMA application_id = %d", application), fmt.Sprintf("PRAGMA user_version = %d", version),
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// explain returns why the file could not be opened, in the words of the operating
// system if it has some: those of SQLite do not say what to do.
func (d *database) explain(how access, err error) error {
	flag := os.O_RDONLY
	if how != reading {
		flag = os.O_RDWR
	}
	f, openErr := os.OpenFile(d.file, flag, 0)
	switch {
	case errors.Is(openErr, fs.ErrNotExist):
		return errors.New("it does not exist: add a plug-in first, or name another file with -db")
	case openErr != nil:
		return fmt.Errorf("%w: name a file with -db that you may use", causeOf(openErr))
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return errors.New("it is a directory: name a file in it with -db")
	}
	return d.advise(err)
}

// causeOf returns an error of a file without the name of the file.
func causeOf(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
