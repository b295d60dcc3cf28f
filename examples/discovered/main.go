// Discovered is a program that knows no plug-in by name: two packages join it by blank
// imports, and its arguments say which of them run and how. Who adds a plug-in adds a
// line to the imports below and nothing else.
//
//	discovered                                 start all
//	discovered rota 'pager={"prefix": "! "}'   start these, the second so configured
//	discovered -list                           print what there is
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/discover"
	"github.com/typedcap/capability/examples/discovered/alarm"
	_ "github.com/typedcap/capability/examples/discovered/plugins/pager"
	_ "github.com/typedcap/capability/examples/discovered/plugins/rota"
	"github.com/typedcap/capability/extension"
)

const usage = `usage: discovered [-list] [NAME | NAME={JSON}]...
Starts the plug-ins of these names, each with its configuration, or all of them.
  -list   print them instead
`

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("discovered", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it
	list := flags.Bool("list", false, "")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		_, err = io.WriteString(out, usage)
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: see -help", err)
	}
	all, err := discover.All()
	if err != nil {
		return err
	}
	plugins, configs, err := choose(all, flags.Args())
	if err != nil {
		return err
	}
	if *list {
		_, err := fmt.Fprint(out, extension.NewCatalogue(plugins...))
		return err
	}
	return serve(plugins, configs, out)
}

// choose returns the extensions that the arguments name, in the order in which they were
// found, and their configurations by name. Without arguments it returns all.
func choose(all []extension.Extension, args []string) ([]extension.Extension, map[string]string, error) {
	configs := make(map[string]string)
	var known []string
	for _, e := range all {
		known = append(known, e.Describe().Name)
	}
	if len(args) == 0 {
		args = known
	}
	for _, arg := range args {
		name, config, given := strings.Cut(arg, "=")
		if !given {
			config = "{}"
		}
		if !slices.Contains(known, name) {
			return nil, nil, fmt.Errorf("there is no plug-in %q: known are %s", name, strings.Join(known, ", "))
		}
		if _, twice := configs[name]; twice {
			return nil, nil, fmt.Errorf("the plug-in %q is named twice: name it once", name)
		}
		configs[name] = config
	}
	chosen := slices.DeleteFunc(slices.Clone(all), func(e extension.Extension) bool {
		_, ok := configs[e.Describe().Name]
		return !ok
	})
	return chosen, configs, nil
}

// decoder returns a func that reads a configuration, and refuses fields that the
// configuration does not have.
func decoder(text string) func(any) error {
	return func(config any) error {
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(config); err != nil {
			return err
		}
		if _, err := d.Token(); err != io.EOF {
			return errors.New("there is something behind its end")
		}
		return nil
	}
}

// serve starts the plug-ins, says what there is to say, and stops them.
func serve(plugins []extension.Extension, configs map[string]string, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	engine := capability.NewRegistry(capability.Engine, "engine")
	defer func() { err = errors.Join(err, engine.Close(ctx)) }()
	if err := engine.Apply(alarm.Output.Bind("stdout", out)); err != nil {
		return err
	}
	var instances []extension.Instance
	for _, e := range plugins {
		name := e.Describe().Name
		instances = append(instances, e.Decode(name, decoder(configs[name])).At(engine))
	}
	host := extension.NewHost(extension.Options{})
	if err := host.Start(ctx, instances...); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Stop(ctx)) }()

	scope, err := capability.Compose(engine)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scope.Close()) }() // before the plug-ins stop
	var rosters capability.ChainHandle[alarm.Roster]
	var notifiers capability.ChainHandle[alarm.Notifier]
	if err := scope.Resolve(alarm.Rosters.All().Into(&rosters), alarm.Notifiers.All().Into(&notifiers)); err != nil {
		return err
	}
	for name, r := range rosters.Get().All() {
		if _, err := fmt.Fprintf(out, "%s: %s is on duty\n", name, r.OnDuty()); err != nil {
			return err
		}
	}
	return capability.Each(notifiers.Get(), func(n alarm.Notifier) error { return n.Notify("the disk is full") })
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "discovered:", err)
		os.Exit(1)
	}
}
