module github.com/typedcap/capability/stress

go 1.26

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/typedcap/capability v0.0.0
)

replace github.com/typedcap/capability => ../
