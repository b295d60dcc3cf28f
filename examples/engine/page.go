// The page of -http: who answers in the engine and its pipelines, and why.

package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilityhttp"
	"github.com/typedcap/capability/extension"
)

// page shows the scopes of the engine, and how its extensions do.
func (e *engine) page() http.Handler {
	return capabilityhttp.Page{
		Scopes: func(yield func(string, *capability.Scope) bool) {
			if !yield("engine", e.scope) {
				return
			}
			for _, p := range e.pipelines {
				if !yield(p.name, p.scope) {
					return
				}
			}
		},
		Extensions: e.host.Status().Get,
		Catalogue:  extension.NewCatalogue(extensions...),
	}
}

// serve serves the page at an address, until stop is called, and says where that is.
func (e *engine) serve(address string, stderr io.Writer) (stop func(), err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(stderr, "engine: http://%v/ shows who answers, and why\n", listener.Addr())
	server := &http.Server{Handler: e.page(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(stderr, "engine: ", 0)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); err != http.ErrServerClosed {
			fmt.Fprintf(stderr, "engine: the page is not served any more: %v\n", err)
		}
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			server.Close() // somebody has connected and asks nothing; nothing is lost
		}
		<-ended
	}, nil
}
