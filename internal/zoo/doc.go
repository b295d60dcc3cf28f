// Package zoo keeps broken twins of the core, each with the test that must catch
// it: a test that misses its twin proves nothing. It is run by
//
//	go test -tags zoo ./internal/zoo
//
// which is not part of an ordinary test run because it compiles the core once
// for each twin.
package zoo
