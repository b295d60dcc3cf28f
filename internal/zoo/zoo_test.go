//go:build zoo

// Runs each twin's test on the twin.

package zoo

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTwinsAreCaught puts each twin in the place of the file that it breaks and
// expects its test to fail in one of three runs, for tests of races need luck,
// and for no other reason than the test: a twin has to compile.
func TestTwinsAreCaught(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range twins {
		t.Run(strings.ReplaceAll(w.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			source, err := os.ReadFile(filepath.Join(root, w.file))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(source), w.good); n != 1 {
				t.Fatalf("%s holds the text to break %d times, want once: the twin is out of date", w.file, n)
			}
			dir := t.TempDir()
			broken := filepath.Join(dir, "broken.go")
			if err := os.WriteFile(broken, []byte(strings.Replace(string(source), w.good, w.bad, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
			overlay, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, w.file): broken}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("go", "test", "-short", "-count=3", "-failfast", "-vet=off", "-timeout=30s", "-run", "^("+w.test+")$", ".")
			cmd.Dir = root
			// The environment and not a flag, so that it holds for what tests build.
			cmd.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+filepath.Join(dir, "overlay.json"))
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			switch {
			case err == nil && strings.Contains(string(out), "no tests to run"):
				t.Errorf("there is no test %s", w.test)
			case err == nil:
				t.Errorf("%s does not see that %s", w.test, w.name)
			case !errors.As(err, &exit):
				t.Fatal(err)
			case strings.Contains(string(out), "[build failed]"):
				t.Errorf("the twin does not compile:\n%s", out)
			}
		})
	}
}
