//go:build unix || windows

// SIGHUP, where there is such a thing.

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// hangups returns where SIGHUP comes from. Until it is called, SIGHUP ends the program.
func hangups() <-chan os.Signal {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	return hup
}
