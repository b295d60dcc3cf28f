module github.com/typedcap/capability/integrations/fswatch

go 1.26

require (
	github.com/fsnotify/fsnotify v1.10.1
	github.com/google/go-cmp v0.7.0
	github.com/typedcap/capability v0.0.0
)

require (
	golang.org/x/sys v0.13.0 // indirect
	pgregory.net/rapid v1.3.0 // indirect
)

replace github.com/typedcap/capability => ../..
