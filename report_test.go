// Texts that name two places have them in the order of the source.

package capability_test

import (
	"strings"
	"testing"

	"github.com/typedcap/capability"
)

func TestTwoKeysAreNamedInTheOrderOfTheSource(t *testing.T) {
	second := secondKey()
	first := firstKey()
	err := capability.NewRegistry(capability.Engine, "engine").Apply(second.Bind("a", 1), first.Bind("b", 2))
	if text := err.Error(); !strings.Contains(text, "keys.go:21 and") || !strings.Contains(text, "keys.go:199:") {
		t.Errorf("the error says %q, and should name line 21 before line 199", text)
	}
}

//line keys.go:20
func firstKey() capability.Capability[int] {
	return capability.New[int]("keys", "are declared at two places")
}

//line keys.go:198
func secondKey() capability.Capability[int] {
	return capability.New[int]("keys", "are declared at two places")
}
