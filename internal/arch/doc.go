// Package arch holds tests of the project as a whole: who may import whom, what
// is exported, and that the documents say what the code does.
package arch
