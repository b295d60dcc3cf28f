package capabilityhttp_test

import (
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/typedcap/capability"
	"github.com/typedcap/capability/capabilityhttp"
)

// A Payment takes money.
type Payment func(cents int) error

// Payments is the capability of those who take money.
var Payments = capability.New[Payment]("payments", "take money")

func pay(int) error { return nil }

// A page of a map of scopes that does not change, asked by a tool: who takes money in the
// shop, and who would if he had not been replaced.
func ExamplePage() {
	engine := capability.NewRegistry(capability.Engine, "engine")
	shop := capability.NewRegistry(capability.Pipeline, "shop")
	if err := capability.Commit(engine.Stage(Payments.Bind("card", pay)), shop.Stage(Payments.Rebind("card", pay))); err != nil {
		log.Fatal(err)
	}
	scope, err := capability.Compose(shop, engine)
	if err != nil {
		log.Fatal(err)
	}
	defer scope.Close()
	scopes := map[string]*capability.Scope{"shop": scope}

	mux := http.NewServeMux()
	mux.Handle("/debug/capability", capabilityhttp.Page{Scopes: maps.All(scopes)})
	server := httptest.NewServer(mux)
	defer server.Close()

	answer, err := http.Get(server.URL + "/debug/capability?scope=shop&format=json")
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	var snapshot capability.Snapshot
	if err := json.NewDecoder(answer.Body).Decode(&snapshot); err != nil {
		log.Fatal(err)
	}
	for _, c := range snapshot.Capabilities {
		fmt.Println(c.Name, c.Providers, c.Unseen[0].Fate, "by", c.Unseen[0].By)
	}
	// Output: payments [card from shop (pipeline), rebound] replaced by shop
}

// A program whose scopes come and go has a method that yields them under its lock.
type program struct {
	mu     sync.Mutex
	scopes map[string]*capability.Scope
}

func (p *program) Scopes(yield func(string, *capability.Scope) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, scope := range p.scopes {
		if !yield(name, scope) {
			return
		}
	}
}

func ExamplePage_ServeHTTP() {
	p := &program{scopes: make(map[string]*capability.Scope)}
	page := capabilityhttp.Page{Scopes: p.Scopes}

	for _, method := range []string{http.MethodGet, http.MethodPost} {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequest(method, "/?scope=gone", nil))
		fmt.Println(method, w.Code, w.Header().Get("Content-Type"))
	}
	// Output:
	// GET 404 text/html; charset=utf-8
	// POST 405 text/plain; charset=utf-8
}
