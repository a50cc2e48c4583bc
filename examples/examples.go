// Package examples holds the sample functions that `logtable demo` runs, so
// that it needs no checkout.
package examples

import "embed"

// Files are the samples' folders. Those in Go lack a go.mod: see GoModule.
//
//go:embed go/main.go python/handler.py node/index.mjs bash/bootstrap
//go:embed timeout/main.go timeout/handler.py crash/main.go crash/handler.py
//go:embed story-node/index.mjs story-python/handler.py story-go/main.go
var Files embed.FS

// GoModule and GoSum are the go.mod and the go.sum with which the samples in Go
// can be built elsewhere.
const (
	GoModule = `module examples

go 1.26.0

require github.com/aws/aws-lambda-go v1.55.1
`
	GoSum = `github.com/aws/aws-lambda-go v1.55.1 h1:We2cCp4BwqqH/JW+bEEo1FhgG71rslvjfi4y7KmlrR0=
github.com/aws/aws-lambda-go v1.55.1/go.mod h1:V+NzkHNR6vBC8C1PDloqSLE+7jYWFiPvJJFiCiTm8nE=
`
)
