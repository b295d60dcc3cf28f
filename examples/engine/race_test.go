//go:build race

// The race detector makes lines ten times as dear, so there are fewer of them.

package main

func init() { memoryLines /= 4 }
