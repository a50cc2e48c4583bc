package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strings"
)

// The budgets of product code. Lines of code are lines that hold more than
// comment; lines of a file are all.
const (
	maxFunction    = 66 // lines of code
	p95Function    = 33
	medianFunction = 11
	maxCyclomatic  = 15
	maxFile        = 400 // lines
	maxFields      = 15
)

// A file is a Go file, taken apart.
type file struct {
	name    string
	lines   []string
	set     *token.FileSet
	tree    *ast.File
	code    map[int]bool // the lines that hold code, from 1
	literal map[int]bool // those within a string that began in an earlier line, or ends in a later one
}

func parse(name string, text []byte) (*file, error) {
	f := &file{
		name: name, lines: strings.Split(string(text), "\n"), set: token.NewFileSet(),
		code: map[int]bool{}, literal: map[int]bool{},
	}
	var err error
	if f.tree, err = parser.ParseFile(f.set, name, text, parser.SkipObjectResolution); err != nil {
		return nil, err
	}
	source := token.NewFileSet().AddFile(name, -1, len(text))
	var s scanner.Scanner
	s.Init(source, text, nil, 0)
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			return f, nil
		}
		if tok == token.SEMICOLON && literal == "\n" {
			continue
		}
		first := source.Line(pos)
		last := first + strings.Count(literal, "\n")
		for line := first; line <= last; line++ {
			f.code[line] = true
			f.literal[line] = f.literal[line] || last > first
		}
	}
}

// sizes are the lengths of all functions.
type sizes []int

// add measures a file and returns what is too large in it.
func (s *sizes) add(f *file) (findings []string) {
	if n := len(f.lines) - 1; n > maxFile {
		findings = append(findings, fmt.Sprintf("%s: %d lines, more than %d: split the file where a reader "+
			"would look for the parts", f.name, n, maxFile))
	}
	report := func(at ast.Node, format string, args ...any) {
		line := f.set.Position(at.Pos()).Line
		findings = append(findings, fmt.Sprintf("%s:%d: ", f.name, line)+fmt.Sprintf(format, args...))
	}
	ast.Inspect(f.tree, func(n ast.Node) bool {
		switch d := n.(type) {
		case *ast.FuncDecl:
			length := f.length(d)
			*s = append(*s, length)
			if length > maxFunction {
				report(d, "%s has %d lines of code, more than %d: split it", d.Name.Name, length, maxFunction)
			}
			if c := cyclomatic(d); c > maxCyclomatic {
				report(d, "%s has a cyclomatic complexity of %d, more than %d: split it, or name its conditions",
					d.Name.Name, c, maxCyclomatic)
			}
		case *ast.TypeSpec:
			if fields := fieldsOf(d); fields > maxFields {
				report(d, "%s has %d fields, more than %d: give its parts names", d.Name.Name, fields, maxFields)
			}
		}
		return true
	})
	return findings
}

// length is how many lines of code a function has, its signature and closing
// bracket included.
func (f *file) length(d *ast.FuncDecl) (n int) {
	for line := f.set.Position(d.Pos()).Line; line <= f.set.Position(d.End()).Line; line++ {
		if f.code[line] {
			n++
		}
	}
	return n
}

// cyclomatic is a function's number of ways: one, and one more for each
// condition, loop, case, && and ||, in its function literals, too.
func cyclomatic(d *ast.FuncDecl) int {
	ways := 1
	ast.Inspect(d, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt:
			ways++
		case *ast.CaseClause:
			ways += min(len(x.List), 1)
		case *ast.CommClause:
			if x.Comm != nil {
				ways++
			}
		case *ast.BinaryExpr:
			if x.Op == token.LAND || x.Op == token.LOR {
				ways++
			}
		}
		return true
	})
	return ways
}

// fieldsOf counts a struct's fields; an embedded struct is one.
func fieldsOf(d *ast.TypeSpec) (n int) {
	s, ok := d.Type.(*ast.StructType)
	if !ok {
		return 0
	}
	for _, field := range s.Fields.List {
		n += max(len(field.Names), 1)
	}
	return n
}

// distribution returns what is wrong with the functions' lengths on the whole.
func (s sizes) distribution() (findings []string) {
	if len(s) == 0 {
		return nil
	}
	slices.Sort(s)
	for _, q := range []struct {
		name    string
		percent int
		limit   int
	}{{"median", 50, medianFunction}, {"95th percentile", 95, p95Function}} {
		if got := s[len(s)*q.percent/100]; got > q.limit {
			findings = append(findings, fmt.Sprintf("the functions' %s length is %d lines of code, more than %d: "+
				"split the long ones", q.name, got, q.limit))
		}
	}
	return findings
}
