package emulator

import "fmt"

// What /disk and /file say when they refuse. RouterOS fact: a menu that refuses answers "failure: <text>". The texts
// marked unconfirmed are the emulator's own words: nobody has published the device's.
const (
	noSuchItem = scriptError("no such item")

	slotTaken        = scriptError("failure: slot is already in use")         // unconfirmed
	slotTooLong      = scriptError("failure: slot name is too long")          // unconfirmed
	fileTaken        = scriptError("failure: file is already used by a disk") // unconfirmed
	fileInUse        = scriptError("failure: file is in use")                 // unconfirmed
	noSpace          = scriptError("failure: not enough space")               // unconfirmed
	noDirectory      = scriptError("failure: directory does not exist")       // unconfirmed
	notMounted       = scriptError("failure: file system is not mounted")     // unconfirmed
	cannotShrink     = scriptError("failure: file size can not be reduced")   // unconfirmed
	notAFileDisk     = scriptError("failure: not supported for this disk")    // unconfirmed
	sameName         = scriptError("failure: already have such entry")
	groupInUse       = scriptError("failure: group is in use") // unconfirmed
	notPermitted     = scriptError("not enough permissions")
	timedOut         = scriptError("action timed out - try again") // unconfirmed
	badKeyFile       = scriptError("unable to load key file (wrong format or bad passphrase)!")
	formatQuestion   = scriptError("All data will be lost, are you sure? [y/N]:")
	stopUsingItFirst = scriptError("failure: could not unmount, stop using it first")
)

func missingValue(name string) error {
	return scriptError("missing value(s) of argument(s) " + name)
}

func invalidValue(name string) error {
	return scriptError("invalid value for argument " + name)
}

func noMatch(name string) error {
	return scriptError("input does not match any value of " + name)
}

func outOfRange(name string, low, high int64) error {
	return scriptError(fmt.Sprintf("value of %s out of range (%d..%d)", name, low, high))
}
