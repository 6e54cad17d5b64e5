//go:build race

package checks_test

func init() { underRace = true }
