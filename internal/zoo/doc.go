// Package zoo keeps broken twins of the core, each with the test that must catch
// it: a test that misses its twin proves nothing. It is run by
//
//	go test -tags zoo ./internal/zoo
//
// which is not part of an ordinary test run because it takes a minute or more. A
// twin that breaks one func is compiled into the same test binary as all others of
// its kind, behind a number that the environment chooses; others are compiled one
// by one.
package zoo
