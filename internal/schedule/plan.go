// Plans: how the next of the parked actors is chosen.

package schedule

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// A plan makes the choices of an exploration.
type plan interface {
	choose(r *Run) int       // an index of r.ready; the step's number is len(r.trace)
	next(r *Run) (more bool) // after a run that did not stray
}

// A search goes through all schedules, depth first: each run repeats the choices
// of the one before up to the last that has another way, and takes that.
type search struct {
	bound int
	path  []fork
	marks []Step // what the forks chose from
}

// A fork is one choice. At most one of its ways leads to schedules yet to run.
type fork struct {
	from, to int // its part of the marks
	ways     int // how many of them may be taken
	taken    int
}

func (s *search) choose(r *Run) int {
	if r.strayed != "" {
		return 0
	}
	if n := len(r.trace); n < len(s.path) {
		f := s.path[n]
		same := slices.EqualFunc(s.marks[f.from:f.to], r.ready, func(m Step, a *actor) bool { return m == Step{a.name, a.point} })
		if same {
			return f.taken
		}
		r.strayed = fmt.Sprintf("step %d is chosen from%s, want%s", n+1, sites(marks(nil, r.ready)), sites(s.marks[f.from:f.to]))
		return 0
	}
	from := len(s.marks)
	s.marks = marks(s.marks, r.ready)
	s.path = append(s.path, fork{from: from, to: len(s.marks), ways: r.ways(s.bound)})
	return 0
}

func (s *search) next(r *Run) bool {
	if n := len(r.trace); r.strayed == "" && n < len(s.path) {
		r.strayed = fmt.Sprintf("it ends after step %d, want %d or more", n, len(s.path))
	}
	if r.strayed != "" {
		return true
	}
	for n := len(s.path) - 1; n >= 0; n-- {
		f := &s.path[n]
		if f.taken++; f.taken < f.ways {
			s.path, s.marks = s.path[:n+1], s.marks[:f.to]
			return true
		}
	}
	return false
}

func marks(to []Step, ready []*actor) []Step {
	for _, a := range ready {
		to = append(to, Step{a.name, a.point})
	}
	return to
}

func sites(marks []Step) (text string) {
	for _, m := range marks {
		text += " " + m.Actor + "@" + m.Point
	}
	return text
}

// A sample draws each choice.
type sample struct {
	bound int
	seed  uint64
	drawn uint64
	rand  *rand.Rand
}

func (s *sample) choose(r *Run) int {
	if len(r.trace) == 0 {
		s.rand = rand.New(rand.NewPCG(s.seed, s.drawn))
	}
	return s.rand.IntN(r.ways(s.bound))
}

func (s *sample) next(*Run) bool {
	s.drawn++
	return true
}

// A replay is the names of those who go on.
type replay []string

func (p replay) choose(r *Run) int {
	n := len(r.trace)
	if n >= len(p) {
		return 0
	}
	i := slices.IndexFunc(r.ready, func(a *actor) bool { return a.name == p[n] })
	if i < 0 {
		r.abandon("step %d of the schedule is %s, who is not parked:%s", n+1, p[n], r.whereabouts())
	}
	return i
}

func (p replay) next(*Run) bool { return true }
