// A place in the program text with a long path, for texts that must not grow
// with it. The line directive goes to the end of the file, so that nothing else
// may follow.

package capability_test

import "github.com/typedcap/capability"

// bindFarAway binds at a place whose path is longer than most screens are wide.
//
//line /home/builder/checkouts/organisation-with-a-long-name/repository-with-a-long-name/services/printing/internal/providers/generated/really/quite/far/away/from/the/root/of/everything/this/goes/on/and/on/until/the/path/is/longer/than/a/line/of/an/error/text/may/ever/be/in/any/terminal/or/log/file/providers_of_printers_that_were_generated_by_a_program_that_likes_long_names.go:1000001
func bindFarAway(key capability.Capability[printer], name string, p printer) capability.Binding {
	return key.Bind(name, p)
}
