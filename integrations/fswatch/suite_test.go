// The source keeps the rules of sources.

package fswatch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/typedcap/capability/capabilitytest"
	"github.com/typedcap/capability/data"
	"github.com/typedcap/capability/integrations/fswatch"
)

func TestFileKeepsTheRules(t *testing.T) {
	name := filepath.Join(t.TempDir(), "prices.json")
	price := 0
	change := func() {
		price++
		must(os.WriteFile(name+".new", fmt.Appendf(nil, `{"tea": %d}`, price), 0o600))
		must(os.Rename(name+".new", name))
	}
	change()
	capabilitytest.TestSource(t, func() source { return fswatch.File(name, data.JSON[int], fswatch.Options{}) }, change)
}
