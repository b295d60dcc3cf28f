// What the guides share.

// Package guides_test is the code of the guides beside it. Each block of Go in a guide is
// an excerpt of the file of the same name, so it is compiled and run.
package guides_test

func must(err error) {
	if err != nil {
		panic(err)
	}
}
