// Package modes tests what the packages of verbs have in common: every fault of a
// provider, in every mode, verb and position, and every timing of a concurrent
// dispatch.
package modes
