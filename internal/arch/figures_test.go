// The figures of README.md are those of benchmarks/RESULTS.md.

package arch_test

import (
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A line is a line of the README's table of ratios, and the rows of RESULTS.md that
// it summarises.
type line struct {
	label   string // its first cell
	rows    string // a pattern for the whole of "benchmark variant"
	count   int    // how many rows that is
	decimal int    // of its ratios
}

var lines = []line{
	{"look up and call", `Lookup/(5ns|trivial) capability`, 2, 2},
	{"Each, Pipe, Any, Every, Decide over 4 trivial providers", `Dispatch/(Each|Pipe|Any|Every|Decide)/4/trivial capability`, 5, 2},
	{"the same over 16", `Dispatch/(Each|Pipe|Any|Every|Decide)/16/trivial capability`, 5, 2},
	{"reading while another goroutine commits 100 000 times a second", `Reader committing`, 1, 2},
	{"a lease for each call, against a read lock", `Lease/alone leased`, 1, 2},
	{"a lease for 16 calls, against bare calls", `Span leased`, 1, 2},
	{"reading a derived value, against two fields", `Derived derived`, 1, 2},
	{"`keepgoing` over 16 trivial providers, against the verbs above", `Modes/(Each|Pipe|Any|Every|Decide)/16 keepgoing`, 5, 2},
	{"`data`: Lookup among 1000 entries, against a map", `DataRead/1000 lookup`, 1, 2},
	{"`data`: Match among 1000 patterns, against a map", `DataMatch match-1000`, 1, 1},
}

// A figure is one of the README's prose. It is either a row of RESULTS.md, divided by
// a number and rounded, or it is said in the prose of RESULTS.md.
type figure struct {
	text string // a pattern of the prose with the figure as its one group

	row     string // "benchmark variant", or "benchmark unit" in the table of medians
	column  string // of that row
	divisor string
	digits  int // that count

	said string // what RESULTS.md has to say, with the figure in the place of %s
}

// The table of ratios has two columns "variant": the second, which is what the variant
// takes, is called "cost" here.
var figures = []figure{
	{text: `on Go ([\d.]+) and`, said: "machine: go%s "},
	{text: `with (two) Xeon processors`, said: "a virtual one with %s processors"},
	{text: `processors, (\d{4}-\d\d-\d\d)\.`, said: "go run ./cmd/ratios` - date: %s "},
	{text: `A commit at engine level costs (\S+) ns for each`, row: "Publish/capabilities=10 ns/pipeline", column: "median", divisor: "1", digits: 2},
	{text: `ns for each of (\d+ \d+) pipelines that inherit`, said: "engine level below which %s pipelines"},
	{text: `(\S+) ns where each derives`, row: "DerivedPublish/pipelines=10000 ns/pipeline", column: "median", divisor: "1", digits: 2},
	{text: `and (\S+) µs for each of`, row: "Wake/handles=10000 ns/watcher", column: "median", divisor: "1000", digits: 1},
	{text: `µs for each of (\d+ \d+) watchers`, said: "`Wake` commits while %s goroutines watch"},
	{text: `A handle takes (\S+) bytes`, row: "Memory B/handle", column: "median", divisor: "1", digits: 3},
	{text: `with ten look-ups (\S+) µs`, row: "Compose/second ns/compose", column: "median", divisor: "1000", digits: 1},
	{text: `that does nothing costs (\S+) µs`, row: "Concurrent concurrent-idle", column: "cost", divisor: "16000", digits: 2},
	{text: `provider takes (\S+) times as long with the container`, row: "PeersLookup do to capability", column: "times as long", divisor: "1", digits: 2},
	{text: `and (\S+) times with a map under`, row: "PeersLookup rwmutex-map to capability", column: "times as long", divisor: "1", digits: 2},
	{text: `in turn takes (\S+) times as long with EventBus`, row: "PeersDispatch eventbus to capability", column: "times as long", divisor: "1", digits: 2},
	{text: `EventBus, (\S+) times with gookit`, row: "PeersDispatch gookit to capability", column: "times as long", divisor: "1", digits: 2},
	{text: `and (\S+) times if its event`, row: "PeersDispatch gookit-event to capability", column: "times as long", divisor: "1", digits: 2},
	{text: `consumers see takes (\S+) µs`, row: "PeersReplace/10000/capability ns/op", column: "median", divisor: "1000", digits: 2},
	{text: `what (\d+ \d+) consumers`, said: "the provider of one or of %s consumers"},
	{text: `koanf takes (\S+) times`, row: "DataPeers koanf", column: "ratio", divisor: "1", digits: 2},
	{text: `viper (\S+) times`, row: "DataPeers viper", column: "ratio", divisor: "1", digits: 2},
}

// results is what RESULTS.md says: the cells of its rows by name and column.
type results struct {
	prose string // without line ends
	rows  map[string]map[string]string
	twice map[string]bool // names of more than one row
}

// cells returns what is between the bars of a table's line, nil if it is none.
func cells(text string) []string {
	text = strings.TrimSpace(text)
	if len(text) < 2 || !strings.HasPrefix(text, "|") || !strings.HasSuffix(text, "|") {
		return nil
	}
	parts := strings.Split(text[1:len(text)-1], "|")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func parseResults(text string) results {
	r := results{strings.Join(strings.Fields(text), " "), make(map[string]map[string]string), make(map[string]bool)}
	var heading []string
	for text := range strings.Lines(text) {
		row := cells(text)
		switch {
		case row == nil:
			heading = nil
			continue
		case heading == nil:
			for _, h := range row {
				if h == "variant" && slices.Contains(heading, h) {
					h = "cost"
				}
				heading = append(heading, h)
			}
			continue
		case strings.HasPrefix(row[0], "---") || len(row) != len(heading):
			continue
		}
		name := row[0] + " " + row[1]
		if r.rows[name] != nil {
			r.twice[name] = true
		}
		r.rows[name] = make(map[string]string)
		for i, h := range heading {
			if _, ok := r.rows[name][h]; !ok { // the first of "least – greatest" is the ratio's
				r.rows[name][h] = row[i]
			}
		}
	}
	return r
}

// number returns a cell as it is written, without loss.
func (r results) number(row, column string) (*big.Rat, error) {
	text, ok := r.rows[row][column]
	switch {
	case r.rows[row] == nil:
		return nil, fmt.Errorf("RESULTS.md has no row %q", row)
	case r.twice[row]:
		return nil, fmt.Errorf("RESULTS.md has more than one row %q", row)
	case !ok:
		return nil, fmt.Errorf("row %q of RESULTS.md has no column %q", row, column)
	}
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, fmt.Errorf("row %q of RESULTS.md has %q as %s", row, text, column)
	}
	return n, nil
}

// between returns the least and the greatest of a column of the line's rows, rounded.
func (r results) between(l line, column string) (string, error) {
	pattern := regexp.MustCompile("^(" + l.rows + ")$")
	var least, greatest *big.Rat
	n := 0
	for _, row := range slices.Sorted(maps.Keys(r.rows)) {
		if !pattern.MatchString(row) {
			continue
		}
		v, err := r.number(row, column)
		if err != nil {
			return "", err
		}
		if n++; n == 1 || v.Cmp(least) < 0 {
			least = v
		}
		if n == 1 || v.Cmp(greatest) > 0 {
			greatest = v
		}
	}
	if n != l.count {
		return "", fmt.Errorf("RESULTS.md has %d rows for %q, want %d", n, l.label, l.count)
	}
	from, to := least.FloatString(l.decimal), greatest.FloatString(l.decimal)
	if from == to {
		return from, nil
	}
	return from + "–" + to, nil
}

// tableRow returns the line of the README.
func (r results) tableRow(l line) (string, error) {
	ratio, err := r.between(l, "ratio")
	if err != nil {
		return "", err
	}
	l.decimal = 2 // a control is near 1
	control, err := r.between(l, "control")
	return fmt.Sprintf("| %s | %s | %s |", l.label, ratio, control), err
}

// rounded writes a positive number with so many digits that count.
func rounded(n *big.Rat, digits int) string {
	exponent := 0 // n is at least 10 to its power
	for ten := big.NewRat(10, 1); n.Cmp(ten) >= 0; exponent++ {
		ten.Mul(ten, big.NewRat(10, 1))
	}
	for one := big.NewRat(1, 1); n.Sign() > 0 && n.Cmp(one) < 0; exponent-- {
		one.Mul(one, big.NewRat(1, 10))
	}
	decimal := digits - 1 - exponent
	if decimal >= 0 {
		return n.FloatString(decimal)
	}
	zeros := strings.Repeat("0", -decimal)
	unit, _ := new(big.Rat).SetString("1" + zeros)
	return new(big.Rat).Quo(n, unit).FloatString(0) + zeros
}

// value returns what the README has to say.
func (r results) value(f figure) (string, error) {
	n, err := r.number(f.row, f.column)
	if err != nil {
		return "", err
	}
	divisor, _ := new(big.Rat).SetString(f.divisor)
	return rounded(n.Quo(n, divisor), f.digits), nil
}

// section returns the README from the heading to the next one, and what is before and
// after.
func section(readme string) (before, text, after string, err error) {
	const heading = "\n## How it compares\n"
	before, text, ok := strings.Cut(readme, heading)
	if !ok {
		return "", "", "", fmt.Errorf("README.md has no section %q", strings.TrimSpace(heading))
	}
	text, after, _ = strings.Cut(text, "\n## ")
	return before + heading, text, "\n## " + after, nil
}

// compare returns what the section says that RESULTS.md does not, and the section as
// it should be, as far as its table goes.
func compare(text string, r results) (wanted string, faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	digit := regexp.MustCompile(`\d`)
	used := make(map[string]bool)
	var out, prose strings.Builder
	for text := range strings.Lines(text) {
		row := cells(text)
		if row == nil {
			out.WriteString(text)
			prose.WriteString(text)
			continue
		}
		i := slices.IndexFunc(lines, func(l line) bool { return l.label == row[0] })
		switch {
		case i < 0 && digit.MatchString(text):
			fault("nothing says which rows of RESULTS.md this line is from: %s", strings.TrimSpace(text))
		case i >= 0:
			used[row[0]] = true
			want, err := r.tableRow(lines[i])
			if err != nil {
				fault("%v", err)
			} else if got := strings.TrimSpace(text); got != want {
				fault("the table says\n\t%s\nand RESULTS.md\n\t%s", got, want)
				text = strings.Replace(text, got, want, 1)
			}
		}
		out.WriteString(text)
	}
	for _, l := range lines {
		if !used[l.label] {
			fault("the table has no line %q", l.label)
		}
	}

	rest := strings.Join(strings.Fields(prose.String()), " ")
	for _, f := range figures {
		at := regexp.MustCompile(f.text).FindAllStringSubmatchIndex(rest, -1)
		if len(at) != 1 {
			fault("the prose says %q %d times, want once", f.text, len(at))
			continue
		}
		from, to := at[0][2], at[0][3]
		got := rest[from:to]
		if f.said != "" {
			if said := fmt.Sprintf(f.said, got); !strings.Contains(r.prose, said) {
				fault("the prose says %q, and RESULTS.md does not say %q", rest[at[0][0]:at[0][1]], said)
			}
		} else if want, err := r.value(f); err != nil {
			fault("%v", err)
		} else if got != want {
			fault("the prose says %q, and RESULTS.md %s", rest[at[0][0]:at[0][1]], want)
		}
	}
	// Then what is accounted for is taken out, so that only other figures are left.
	type span struct{ from, to int }
	var known []span
	for _, f := range figures {
		for _, at := range regexp.MustCompile(f.text).FindAllStringSubmatchIndex(rest, -1) {
			known = append(known, span{at[2], at[3]})
		}
	}
	for _, at := range regexp.MustCompile(`\d[\d .,]*`).FindAllStringIndex(rest, -1) {
		if !slices.ContainsFunc(known, func(s span) bool { return s.from <= at[0] && at[0] < s.to }) {
			fault("nothing says where %q is from: …%s…", strings.TrimSpace(rest[at[0]:at[1]]), rest[max(0, at[0]-30):min(len(rest), at[1]+30)])
		}
	}
	return out.String(), faults
}

// With -update, the lines of the table become what RESULTS.md says. The prose is for
// people to write.
func TestFigures(t *testing.T) {
	readme := read(t, "README.md")
	before, text, after, err := section(readme)
	if err != nil {
		t.Fatal(err)
	}
	r := parseResults(read(t, "benchmarks/RESULTS.md"))
	wanted, faults := compare(text, r)
	if *update && wanted != text {
		if err := os.WriteFile(filepath.Join("..", "..", "README.md"), []byte(before+wanted+after), 0o644); err != nil {
			t.Fatal(err)
		}
		_, faults = compare(wanted, r)
	}
	for _, f := range faults {
		t.Error(f)
	}
}

// Each change of a figure on either side is a fault.
func TestFiguresThatDiffer(t *testing.T) {
	results := read(t, "benchmarks/RESULTS.md")
	_, text, _, err := section(read(t, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if _, faults := compare(text, parseResults(results)); len(faults) > 0 {
		t.Skip("they differ already: TestFigures says where")
	}
	reported := func(name, text, results string) {
		t.Helper()
		if _, faults := compare(text, parseResults(results)); len(faults) == 0 {
			t.Errorf("%s: nothing is reported", name)
		}
	}
	// No digit of the section can become another.
	for i := range len(text) {
		if c := text[i]; '0' <= c && c <= '9' {
			other := text[:i] + string('0'+(c-'0'+1)%10) + text[i+1:]
			reported("README.md: "+strings.TrimSpace(other[max(0, i-30):min(len(other), i+10)]), other, results)
		}
	}
	reported("one more line", strings.Replace(text, "| look up and call |", "| looking | 1.03 | 1.00 |\n| look up and call |", 1), results)
	reported("one more figure", text+"\nWriting takes 7 ns.\n", results)
	reported("a figure left out", regexp.MustCompile(`A\s+handle takes`).ReplaceAllString(text, "A handle may take"), results)
	reported("a row left out", text, strings.Replace(results, "| Span | leased |", "| Span | rented |", 1))
	reported("a row twice", text, regexp.MustCompile(`(?m)^\| Memory \| B/handle .*$`).ReplaceAllString(results, "$0\n$0"))
	reported("another date", text, strings.Replace(results, "- date: ", "- date: 1", 1))
}

func TestRounded(t *testing.T) {
	for _, c := range []struct {
		n      string
		digits int
		want   string
	}{
		{"13.71", 2, "14"}, {"258.1", 2, "260"}, {"0.5516", 1, "0.6"}, {"165", 3, "165"}, {"6.130", 1, "6"},
		{"4.665", 2, "4.7"}, {"1.085", 3, "1.09"}, {"99.6", 2, "100"}, {"0.0449", 1, "0.04"}, {"10", 1, "10"},
	} {
		n, _ := new(big.Rat).SetString(c.n)
		if got := rounded(n, c.digits); got != c.want {
			t.Errorf("%s with %d digits is %s, want %s", c.n, c.digits, got, c.want)
		}
	}
}
