// Package conformance replays vectors: dispatch facts that were measured on other
// plug-in systems, each with a stance that says whether this library keeps,
// adapts, fixes or refuses it. It has vectors of its own, and reads more from the
// file that the environment variable CAPABILITY_VECTORS names.
package conformance
