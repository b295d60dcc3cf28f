module github.com/typedcap/capability/benchmarks

go 1.26

require github.com/typedcap/capability v0.0.0

replace github.com/typedcap/capability => ../
