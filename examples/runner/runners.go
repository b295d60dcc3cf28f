// The extension point for running, and its providers: containers and processes.

package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/typedcap/capability"
)

// A Runner decides whether a plug-in is its to run. One that declines says why.
// Offer starts nothing of the plug-in.
type Runner interface {
	Offer(ctx context.Context, p Plugin) (task capability.Decision[Task], why string)
}

// A Task runs a plug-in once. It returns the exit code of its command, or why there
// is none; if ctx ended first, the cause of that. When it returns, nothing of the
// plug-in runs any more.
type Task func(ctx context.Context, s Streams) (exit int, err error)

// Runners is the extension point: the first that does not decline runs the plug-in.
var Runners = capability.New[Runner]("runner", "runs a plug-in, or says why it does not")

// A Refusal is what a runner answered that declined.
type Refusal struct{ Runner, Why string }

// A Choice is who runs a plug-in, and who was asked before.
type Choice struct {
	Runner   string
	Declined []Refusal
	task     Task
}

// choose asks the runners. It is an error if all of them decline.
func choose(ctx context.Context, runners capability.Chain[Runner], p Plugin) (Choice, error) {
	var declined []Refusal
	names := runners.Names()
	d, err := capability.Decide(runners, func(r Runner) (capability.Decision[Task], error) {
		d, why := r.Offer(ctx, p)
		if _, ok := d.Get(); !ok {
			// All before it declined too, so this is the runner of that place.
			declined = append(declined, Refusal{names[len(declined)], why})
		}
		return d, context.Cause(ctx)
	})
	if err != nil {
		return Choice{}, err
	}
	task, ok := d.Get()
	if ok {
		return Choice{d.By(), declined, task}, nil
	}
	if len(declined) == 0 {
		return Choice{}, errors.New("nobody runs it, because no runner is bound: bind one")
	}
	var text strings.Builder
	text.WriteString("nobody runs it; these were asked:")
	for _, r := range declined {
		fmt.Fprintf(&text, "\n  %s: %s", r.Runner, r.Why)
	}
	return Choice{}, errors.New(text.String())
}

// processes runs plug-ins as processes of this machine.
type processes struct{}

func (processes) Offer(_ context.Context, p Plugin) (none capability.Decision[Task], why string) {
	path, err := exec.LookPath(p.Command[0])
	if err != nil {
		return none, fmt.Sprintf("%q cannot be run here: %v: install it, or add the plug-in with the path of its program", p.Command[0], lookupError(err))
	}
	return capability.Decided[Task](func(ctx context.Context, s Streams) (int, error) {
		return execute(ctx, path, p.Command[1:], p.Environment, s)
	}), ""
}

// lookupError returns an error of LookPath without the name of the program.
func lookupError(err error) error {
	var of *exec.Error
	if errors.As(err, &of) {
		return causeOf(of.Err)
	}
	return causeOf(err)
}

// containers runs plug-ins that have an image in containers of it.
type containers struct {
	engines  []string      // docker and what is used like it, the preferred first
	patience time.Duration // how long an engine may take to answer
}

func (c containers) Offer(ctx context.Context, p Plugin) (none capability.Decision[Task], why string) {
	if p.Image == "" {
		return none, "it has no image: add it with -image to have it in a container"
	}
	silent := make([]string, 0, len(c.engines))
	for _, engine := range c.engines {
		path, err := exec.LookPath(engine)
		if err == nil {
			err = c.answers(ctx, path)
		}
		if err == nil {
			return capability.Decided(contained(path, p)), ""
		}
		silent = append(silent, fmt.Sprintf("%s: %v", engine, lookupError(err)))
	}
	return none, fmt.Sprintf("no container engine answers (%s): start one", strings.Join(silent, "; "))
}

// answers returns why the engine does not answer, and nil if it does.
func (c containers) answers(ctx context.Context, engine string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.patience, fmt.Errorf("no answer in %v", c.patience))
	defer cancel()
	return ask(ctx, engine, "info")
}

// ask runs a command of the engine, whose error is the last line that it says.
func ask(ctx context.Context, engine string, args ...string) error {
	var said bytes.Buffer
	exit, err := execute(ctx, engine, args, nil, Streams{Err: &said})
	if err != nil || exit == 0 {
		return err
	}
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	return errors.New(cmp.Or(strings.TrimSpace(lines[len(lines)-1]), fmt.Sprintf("exit code %d", exit)))
}

// mercy is how long an engine may take to remove a container.
const mercy = 10 * time.Second

// contained returns the task of a plug-in in a container. The container is not a
// process of this program, so it is removed by name if its client was killed.
func contained(engine string, p Plugin) Task {
	return func(ctx context.Context, s Streams) (int, error) {
		name := "runner-" + strings.ToLower(rand.Text())
		args := []string{"run", "--rm", "--interactive", "--name", name}
		for _, pair := range p.Environment {
			args = append(args, "--env", pair)
		}
		args = append(args, "--entrypoint", p.Command[0], p.Image)
		exit, err := execute(ctx, engine, append(args, p.Command[1:]...), nil, s)
		if ctx.Err() == nil {
			return exit, err
		}
		late, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), mercy, fmt.Errorf("no answer in %v", mercy))
		defer cancel()
		if removed := ask(late, engine, "rm", "--force", name); removed != nil && !strings.Contains(strings.ToLower(removed.Error()), "no such container") {
			err = errors.Join(err, fmt.Errorf("container %s may still run: %s rm --force: %w", name, engine, removed))
		}
		return exit, err
	}
}
