package conn

import (
	"errors"
	"reflect"
)

// Reason codes of a disconnect message that servers give to a refused login
// (RFC 4253, 11.1): OpenSSH and x/crypto/ssh send the first after too many keys.
const (
	disconnectProtocolError     = 2
	disconnectNoMoreAuthMethods = 14
)

// disconnectCode finds the SSH disconnect message behind err and returns its
// reason code. x/crypto/ssh does not export its type.
func disconnectCode(err error) (code uint64, ok bool) {
	for ; err != nil; err = errors.Unwrap(err) {
		if v := reflect.ValueOf(err); v.Type().String() == "*ssh.disconnectMsg" {
			return v.Elem().FieldByName("Reason").Uint(), true
		}
	}
	return 0, false
}
