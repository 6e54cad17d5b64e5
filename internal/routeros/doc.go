// Package routeros turns RouterOS text and JSON into Go values and Go values into RouterOS command lines.
//
// It does no I/O. Everything goes through an [Executor], which runs one command line on the device and returns what it
// printed. [Verify] is the check that ends every connect. [Volumes] has the operations on file-backed disks that are
// exported over NVMe/TCP.
//
// Five facts about RouterOS shape the package:
//
//   - The exit status of an exec channel is 0 even when the command was refused, and the error text is on stdout. So
//     success is what a command prints, never its status: every line ends in a :put of a sentinel with a fresh nonce,
//     and a chain of commands stops at its first error.
//   - Large output can lose its tail without a word. A reply without its sentinel is a truncated reply.
//   - [:serialize to=json] gives exact numbers and unambiguous strings on one line; print detail rounds sizes and may
//     wrap lines in the middle of a value. Reads ask for JSON, and the text form is only a fallback.
//   - A command may reach the device after its connection was cut, and two controllers may work on one volume. So every
//     line that changes something has the device check once more whether it still applies.
//   - Within double quotes $ substitutes and \ escapes. Every value from outside passes [Quote].
//
// An error is an [*Error] with a [Kind], or the error of the Executor, unchanged.
package routeros
