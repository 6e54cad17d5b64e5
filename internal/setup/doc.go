// Package setup prepares a RouterOS device for the controller: the key, the package rose-storage, a group and a user
// with the few policies that are needed, the pool, the pinned host key.
//
// Every step looks first, does only what is missing, and says which of the two it was. What is there and differs is
// reported, never changed. So a run that was cut off anywhere is finished by the next one, and a run on a device that is
// ready changes nothing.
//
// The device is not to be trusted with more than it needs: the password of the administrator is sent to a host key that
// is pinned, or, the first time, to the one that Run then pins.
package setup
