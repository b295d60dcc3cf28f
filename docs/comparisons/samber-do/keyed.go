// The capabilities: what others may provide has a key, what is made of it is derived.

package samberdo

import "github.com/typedcap/capability"

var (
	Catalogues = capability.New[Catalogue]("catalogue", "know the titles of books")
	Diaries    = capability.New[*Diary]("diary", "note what is opened and closed")
	Checks     = capability.New[func() error]("check", "say whether a part of the program is well")
)

// TheDesk is made in each scope that asks for it, and anew in each commit that changes
// what it was made of.
var TheDesk = capability.Derive(func(r *capability.Resolver) (*Desk, error) {
	c, err := Catalogues.In(r)
	if err != nil {
		return nil, err
	}
	diary, err := Diaries.In(r)
	if err != nil {
		return nil, err
	}
	desk := &Desk{c, diary}
	r.OnRetire(desk.Shutdown)
	return desk, nil
})

// Bindings are what the registry of the program holds. The database is open by now.
func Bindings(diary *Diary) capability.Changes {
	db := Open("books", diary)
	return capability.Changes{
		Diaries.Bind("diary", diary),
		Catalogues.Bind("books", db).OnRetire(db.Shutdown),
		Checks.Bind("books", db.HealthCheck),
	}
}
