// Package emulator is a RouterOS device in process: what an RDS or a CHR says over SSH, and every way in which it stops
// saying it.
//
// It has two halves. [Device] is the device model: state, a small RouterOS script interpreter and one command table. It
// knows nothing of SSH; [Device.Run] takes one line and gives the text that a RouterOS exec channel would give. [Server]
// puts an SSH server around a Device and holds the faults: every setter can be turned at any time.
//
// There are three ways to reach it. [Server.Dial] connects in memory, over a buffered pipe that works inside a
// testing/synctest bubble. [Server.Listen] and [Server.Serve] serve TCP. [ServeDevice] and [RunOverSocket] give the
// command table to another process, such as the forced command of a real sshd.
//
// Comments that begin "RouterOS fact:" say what real devices were seen to do. Where reports disagree, or nobody has
// looked, an option chooses.
package emulator
