//go:build race

package main_test

func init() { raceFlag = []string{"-race"} }
