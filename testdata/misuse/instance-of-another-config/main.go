// It configures an extension with what is the configuration of another one.
// want: cannot use "noon"

package main

import (
	"fmt"
	"time"

	"github.com/typedcap/capability/extension"
)

var Ticker extension.Background[time.Duration]

func main() {
	// instead: fmt.Println(Ticker.Instance("each-second", time.Second))
	fmt.Println(Ticker.Instance("each-second", "noon")) // mistake
}
