// Histories of a register: how they are recorded and checked.

package stress_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
)

// A register is what a history is taken of: something that holds one number and
// is written and read by several clients at once. A derived value holds the
// number twice.
type register struct {
	write func(v int) error
	read  func() reading
}

// A reading is what a client read. Both numbers are the same unless the register
// mixes generations.
type reading struct{ left, right int }

// model is the register as one client would see it alone. The input of a write
// is its number, and that of a read is nil.
var model = porcupine.Model{
	Init: func() any { return 0 },
	Step: func(state, input, output any) (bool, any) {
		if input != nil {
			return true, input
		}
		return output == any(reading{state.(int), state.(int)}), state
	},
}

// A history is short, because the time that its check takes may grow
// exponentially with the operations that overlap.
const (
	clients   = 4
	perClient = 12
	perRecord = 1 + clients*perClient
)

// A tally is what a number of histories amount to.
type tally struct {
	operations int
	contended  int // reads that overlap a write of another client
}

// record takes a history. It begins with a write before the clients start, so
// that the checker knows the number that they begin with. Clients read the clock
// just before and just after an operation. It is the clock of the machine and not
// a shared counter, which would order the operations by itself and so hide what a
// missing order in the register does.
func record(r register, first int, seed uint64) ([]porcupine.Operation, error) {
	history := make([]porcupine.Operation, perRecord)
	start := time.Now()
	var failed [clients]error
	write := func(op *porcupine.Operation, v int) error {
		op.Input, op.Call = v, int64(time.Since(start))
		err := r.write(v)
		op.Return = int64(time.Since(start))
		return err
	}
	if err := write(&history[0], first); err != nil {
		return nil, err
	}
	var ready atomic.Int32
	var group sync.WaitGroup
	for c := range clients {
		group.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(c)))
			own := history[1+c*perClient:][:perClient]
			ready.Add(1)
			for ready.Load() < clients {
				runtime.Gosched()
			}
			for i := range own {
				op := &own[i]
				op.ClientId = c
				if random.IntN(4) == 0 {
					runtime.Gosched()
				}
				if random.IntN(3) == 0 {
					if err := write(op, first+1+c*perClient+i); err != nil {
						failed[c] = err
						return
					}
					continue
				}
				op.Call = int64(time.Since(start))
				got := r.read()
				op.Return = int64(time.Since(start))
				op.Output = got
			}
		})
	}
	group.Wait()
	for _, err := range failed {
		if err != nil {
			return nil, err
		}
	}
	return history, nil
}

// checkRegister takes histories of r until they have so many operations, or until
// the time is over, and returns the first violation. No number is ever written
// twice, so that what remains of an earlier history is noticed too.
func checkRegister(r register, operations int, limit time.Duration) (tally, error) {
	var done tally
	seed := rand.Uint64()
	deadline := time.Now().Add(limit)
	for n := 0; done.operations < operations && time.Now().Before(deadline); n++ {
		history, err := record(r, 1+n*perRecord, seed+uint64(n))
		if err != nil {
			return done, fmt.Errorf("a write failed: %w", err)
		}
		done.operations += len(history)
		done.contended += contended(history)
		switch porcupine.CheckOperationsTimeout(model, history, patience) {
		case porcupine.Illegal:
			return done, fmt.Errorf("history %d is not linearizable:\n%s", n, text(history))
		case porcupine.Unknown:
			return done, fmt.Errorf("history %d could not be checked within %v:\n%s", n, patience, text(history))
		}
	}
	return done, nil
}

// contended counts the reads that overlap a write of another client.
func contended(history []porcupine.Operation) int {
	n := 0
	for _, r := range history {
		if r.Input != nil {
			continue
		}
		for _, w := range history[1:] {
			if w.Input != nil && w.ClientId != r.ClientId && w.Call <= r.Return && r.Call <= w.Return {
				n++
				break
			}
		}
	}
	return n
}

// text prints a history, an operation a line.
func text(history []porcupine.Operation) string {
	var b strings.Builder
	for _, op := range history {
		if op.Input != nil {
			fmt.Fprintf(&b, "client %d, %d to %d ns: write %d\n", op.ClientId, op.Call, op.Return, op.Input)
		} else {
			fmt.Fprintf(&b, "client %d, %d to %d ns: read %+v\n", op.ClientId, op.Call, op.Return, op.Output)
		}
	}
	return b.String()
}
