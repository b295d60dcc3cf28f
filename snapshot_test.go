// What a snapshot says of what is to be retired.

package capability_test

import (
	"regexp"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/typedcap/capability"
)

func TestSnapshotListsWhatIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := capability.NewRegistry(capability.Engine, "engine")
		disk, tape := &blobStore{}, &blobStore{}
		block := make(chan struct{})
		must(engine.Apply(
			blobs.Bind("disk", disk).OnRetire(disk.close),
			blobs.Bind("tape", tape).OnRetire(func() error { <-block; return nil }),
		))
		scope, err := capability.Compose(engine)
		must(err)
		_, err = blobs.Named("disk").Handle(scope)
		must(err)
		must(engine.Apply(blobs.Rebind("disk", &blobStore{}), blobs.Unbind("tape")))
		synctest.Wait()

		site := regexp.MustCompile(`[^\s(]*snapshot_test\.go:\d+`)
		got := ""
		for _, p := range scope.Snapshot().Pending {
			got += site.ReplaceAllString(p.String(), "FILE") + "\n"
		}
		want := `disk of blob-store (FILE), since 2000-01-01T00:00:00Z
    held by a plain handle of scope "engine" resolved at FILE
tape of blob-store (FILE), since 2000-01-01T00:00:00Z, its OnRetire has not returned
`
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("pending (-want +got):\n%s", d)
		}
		close(block)
		must(scope.Close())
		must(engine.Close(t.Context()))
		if left := scope.Snapshot().Pending; len(left) > 0 {
			t.Errorf("pending after Close: %v", left)
		}
	})
}
