// Package fswatch has a source of package data that is a file, and that reacts at once
// when somebody changes it.
//
//	var Flags = capability.New[data.Source[string, bool]]("flags", "switches features")
//
//	flags := fswatch.File("/etc/shop/flags.json", data.JSON[bool], fswatch.Options{})
//	err := engine.Apply(Flags.Bind("operator", flags))
//	feed, err := data.Open(ctx, scope, Flags, data.Options{})
//
// It is [data.File] with another clock: what is read, how large it may be, and how
// errors read is the same. It is a module of its own, so that only who uses it
// depends on github.com/fsnotify/fsnotify.
//
// # What it notices
//
// It notices every way of changing a file: writing, truncating, a rename over it,
// deleting it and writing it again, what editors do (writing another file and renaming
// it; moving the file away to a backup and writing it anew), a change of permissions,
// and any symbolic link on the path that is made to point elsewhere, as mounted
// configuration maps do:
//
//	flags.json -> ..data/flags.json
//	..data     -> ..2026_07_01_10_00_00.1     replaced by a rename
//
// For that it watches directories, not the file: those in which the system looks a name
// up when it opens the path, the ones behind each symbolic link included. They may
// be removed, renamed, replaced, and not be there yet: then what is there of the path is
// watched, and the rest once it comes.
//
// A change seldom comes alone, so the file is read when nothing has happened on the path
// for a moment, [Options].Debounce. If it holds what it held, it is not decoded.
//
// # What it does not notice
//
// Some changes cause no event: those made on another machine to a file of a network, through
// another hard link, through a mapping of memory, and what is mounted over a
// directory. Others lose theirs, when too many come at once. A directory that the program
// may pass but not list cannot be watched. Therefore the file is also read every so
// often, [Options].Every. A lost event costs that time and nothing else.
//
// If the system has no events, or no more of them (Linux limits how many watchers a user
// may have, in fs.inotify.max_user_instances; each file takes one), the file is read
// every so often all the same, and each time watching is tried again. That is no
// failure, as the data are good: nobody is told. Who cannot wait so long sets Every to what
// they would give to data.File. Systems with kqueue (macOS and the BSDs) open each file
// of a directory that is watched, so there directories on the path should be small.
//
// # What happens when it fails
//
// A file that cannot be read or understood is a failure of the source, which
// data.Feed.Status shows at once; the last good data stay in service. A feed
// then pauses, 100 ms unless its Backoff says something else, and runs the source again. If
// the file is still bad, that Run watches for a second before it fails too, longer if the
// file is large: one that is good again is published in that moment. So with the
// default backoff the pause does not grow while a file stays bad, and one that comes
// back after a day is noticed as fast as any change, 100 ms later at worst. A Backoff
// that pauses for longer makes the source blind for so long.
//
// The price is that data.Feed.Reload, and a second feed that opens over the same
// source, may wait so long for the error of a file that is known to be bad.
package fswatch
