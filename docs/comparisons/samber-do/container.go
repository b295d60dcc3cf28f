// The container: constructors are registered, and called when somebody invokes.

package samberdo

import "github.com/samber/do/v2"

// Services are what the container knows.
func Services(diary *Diary) func(do.Injector) {
	return do.Package(
		do.Eager(diary),
		do.Lazy(func(do.Injector) (Catalogue, error) { return Open("books", diary), nil }),
		do.Lazy(newDesk),
	)
}

func newDesk(i do.Injector) (*Desk, error) {
	c, err := do.Invoke[Catalogue](i)
	if err != nil {
		return nil, err
	}
	diary, err := do.Invoke[*Diary](i)
	if err != nil {
		return nil, err
	}
	return &Desk{c, diary}, nil
}
