// It converts a key to that of a type of the same shape.
// want: cannot convert celsius (variable of struct type capability.Capability[Celsius]) to type capability.Capability[Fahrenheit]

package main

import "github.com/typedcap/capability"

type Celsius float64

type Fahrenheit float64

var celsius = capability.New[Celsius]("temperature", "how warm the store room is")

func main() {
	_ = Fahrenheit(0)
	// instead: other := capability.Capability[Celsius](celsius)
	other := capability.Capability[Fahrenheit](celsius) // mistake
	_ = other
}
