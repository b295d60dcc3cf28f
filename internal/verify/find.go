// How figures are found in outputs.

package main

import (
	"encoding/json"
	"iter"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A finder returns the figure that an output has, and false if it has none.
type finder = func(iter.Seq[string]) (float64, bool)

// numbers yields the one group of the pattern in each line that has it.
func numbers(output iter.Seq[string], pattern *regexp.Regexp) iter.Seq[float64] {
	return func(yield func(float64) bool) {
		for text := range output {
			m := pattern.FindStringSubmatch(text)
			if m == nil {
				continue
			}
			if n, err := strconv.ParseFloat(m[1], 64); err == nil && !yield(n) {
				return
			}
		}
	}
}

// last returns the last number.
func last(pattern string) finder {
	p := regexp.MustCompile(pattern)
	return func(output iter.Seq[string]) (got float64, found bool) {
		for n := range numbers(output, p) {
			got, found = n, true
		}
		return got, found
	}
}

// least returns the least of as many numbers as there have to be.
func least(pattern string, want int) finder {
	p := regexp.MustCompile(pattern)
	return func(output iter.Seq[string]) (got float64, found bool) {
		count := 0
		for n := range numbers(output, p) {
			if count++; count == 1 || n < got {
				got = n
			}
		}
		return got, count == want
	}
}

// sum returns the sum of as many numbers as there have to be.
func sum(pattern string, want int) finder {
	p := regexp.MustCompile(pattern)
	return func(output iter.Seq[string]) (got float64, found bool) {
		count := 0
		for n := range numbers(output, p) {
			count++
			got += n
		}
		return got, count == want
	}
}

// count returns how many lines have the pattern, in an output in which some line has
// the other one.
func count(pattern, beside string) finder {
	p, b := regexp.MustCompile(pattern), regexp.MustCompile(beside)
	return func(output iter.Seq[string]) (got float64, found bool) {
		for text := range output {
			if p.MatchString(text) {
				got++
			}
			found = found || b.MatchString(text)
		}
		return got, found
	}
}

// percent returns which part of the lines with the second pattern there are of the
// first.
func percent(part, whole string) finder {
	p, w := regexp.MustCompile(part), regexp.MustCompile(whole)
	return func(output iter.Seq[string]) (float64, bool) {
		some, all := 0, 0
		for text := range output {
			if p.MatchString(text) {
				some++
			}
			if w.MatchString(text) {
				all++
			}
		}
		return 100 * float64(some) / float64(max(all, 1)), all > 0
	}
}

// ratio returns the quotient of two figures, times a factor.
func ratio(above, below finder, factor float64) finder {
	return func(output iter.Seq[string]) (float64, bool) {
		a, ok := above(output)
		b, also := below(output)
		return factor * a / max(b, 1), ok && also && b > 0
	}
}

var (
	fuzzBegins  = regexp.MustCompile(`^== fuzz `)
	fuzzElapsed = regexp.MustCompile(`^fuzz: elapsed: ([0-9hms.]+),`)
)

// fuzzed returns for how many seconds each target was fuzzed at least.
func fuzzed(output iter.Seq[string]) (got float64, found bool) {
	var times []float64 // for each target the last time told
	for text := range output {
		if fuzzBegins.MatchString(text) {
			times = append(times, -1)
		}
		m := fuzzElapsed.FindStringSubmatch(text)
		if m == nil || len(times) == 0 {
			continue
		}
		if d, err := time.ParseDuration(m[1]); err == nil {
			times[len(times)-1] = d.Seconds()
		}
	}
	for i, t := range times {
		if t < 0 {
			return 0, false
		}
		if i == 0 || t < got {
			got = t
		}
	}
	return got, len(times) > 0
}

// events yields the tests at the top, and what became of each run. Examples are left
// out: however often go test is told to run tests, it runs those once.
func events(output iter.Seq[string]) iter.Seq2[string, string] {
	return func(yield func(test, action string) bool) {
		for text := range output {
			var e struct{ Action, Package, Test string }
			if json.Unmarshal([]byte(text), &e) != nil || !strings.HasPrefix(e.Test, "Test") || strings.Contains(e.Test, "/") {
				continue
			}
			if !yield(e.Package+"."+e.Test, e.Action) {
				return
			}
		}
	}
}

// runs returns how often each test was run at least, and came to its end, on each of
// three numbers of processors.
func runs(output iter.Seq[string]) (got float64, found bool) {
	ended := make(map[string]int)
	for test, action := range events(output) {
		switch action {
		case "run":
			ended[test] += 0
		case "pass", "fail", "skip":
			ended[test]++
		}
	}
	for _, n := range ended {
		if !found || float64(n) < got {
			got, found = float64(n), true
		}
	}
	return math.Floor(got / 3), found
}

// failures returns how many runs of tests have failed.
func failures(output iter.Seq[string]) (got float64, found bool) {
	for _, action := range events(output) {
		found = true
		if action == "fail" {
			got++
		}
	}
	return got, found
}
