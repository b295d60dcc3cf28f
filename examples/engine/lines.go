// Reading: a stream cut into lines in constant memory, that can be interrupted
// while it waits for input.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// maxLine is how long a line may be, in bytes. The rest of a longer one is
// skipped without keeping it.
const maxLine = 1 << 20

var (
	errInterrupted = errors.New("interrupted")
	errTooLong     = fmt.Errorf("the line is longer than %d MiB", maxLine>>20)
	errCut         = errors.New("the line is cut off by a failure of the input")
)

// readLines calls each for each line of r, on the caller's goroutine, and pause
// with the number of bytes read from time to time. A line that cannot be had as
// a whole comes without text but with its fault. line is valid during the call.
//
// It returns the first error of each, errInterrupted once ctx ends, or what
// keeps r from being read. A Read of r that blocks is left behind then, because
// nothing can end it: the program is about to exit.
func readLines(ctx context.Context, r io.Reader, each func(number int, line []byte, fault error) error, pause func(read int64)) error {
	chunks, done := make(chan chunk), make(chan struct{})
	defer close(done)
	go readChunks(r, chunks, done)
	s := splitter{each: each}
	for read := int64(0); ; {
		if ctx.Err() != nil {
			return errInterrupted
		}
		select {
		case <-ctx.Done():
			return errInterrupted
		case c := <-chunks:
			read += int64(len(c.data))
			err := s.feed(c.data)
			if err == nil && c.err != nil {
				err = s.end(c.err == io.EOF)
			}
			pause(read)
			switch {
			case err != nil:
				return err
			case c.err == io.EOF:
				return nil
			case c.err != nil:
				return fmt.Errorf("reading the input after %d bytes: %w", read, c.err)
			}
		}
	}
}

// A chunk is what one Read returned.
type chunk struct {
	data []byte
	err  error
}

// readChunks reads r to its end. It reads into one buffer while the receiver
// works on the other: that a chunk is received says that the receiver is done
// with the one before.
func readChunks(r io.Reader, chunks chan<- chunk, done <-chan struct{}) {
	var buffers [2][64 << 10]byte
	empty := 0
	for i := 0; ; i = 1 - i {
		n, err := r.Read(buffers[i][:])
		if n > 0 {
			empty = 0
		} else if empty++; empty == 100 && err == nil {
			err = io.ErrNoProgress
		}
		select {
		case chunks <- chunk{buffers[i][:n], err}:
		case <-done:
			return
		}
		if err != nil {
			return
		}
	}
}

// A splitter cuts chunks into lines.
type splitter struct {
	each     func(number int, line []byte, fault error) error
	number   int    // of the last complete line
	carry    []byte // the beginning of a line that goes on in the next chunk
	skipping bool   // the line is too long
}

// feed takes the next chunk.
func (s *splitter) feed(data []byte) error {
	for len(data) > 0 {
		part, rest, complete := bytes.Cut(data, []byte{'\n'})
		data = rest
		switch {
		case s.skipping:
		case len(s.carry)+len(part) > maxLine:
			s.skipping, s.carry = true, s.carry[:0]
		case !complete || len(s.carry) > 0:
			s.carry = append(s.carry, part...)
			part = s.carry
		}
		if complete {
			if err := s.emit(part, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// end takes the end of the input. Of an input that failed, nobody knows how the
// last line goes on.
func (s *splitter) end(clean bool) error {
	switch {
	case !s.skipping && len(s.carry) == 0:
		return nil
	case clean:
		return s.emit(s.carry, nil)
	}
	return s.emit(nil, errCut)
}

// emit hands on a line.
func (s *splitter) emit(line []byte, fault error) error {
	s.number++
	if s.skipping && fault == nil {
		line, fault = nil, errTooLong
	}
	s.skipping, s.carry = false, s.carry[:0]
	return s.each(s.number, bytes.TrimSuffix(line, []byte{'\r'}), fault)
}
