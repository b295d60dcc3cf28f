//go:build !unix && !windows

// SIGHUP, where there is no such thing.

package main

import "os"

// hangups returns where SIGHUP would come from.
func hangups() <-chan os.Signal { return nil }
