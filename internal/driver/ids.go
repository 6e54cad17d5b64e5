package driver

import (
	"encoding/base32"
	"regexp"

	"github.com/google/uuid"
)

// IDFormat says how the id of a new volume is made of the name in the request.
// Both forms are of the same UUID (version 5, DNS namespace), so that a
// repeated request finds its volume, whichever controller made it.
type IDFormat string

const (
	// IDLong is pvc- and the UUID as usual, 40 characters.
	IDLong IDFormat = "long"
	// IDShort is pvc- and the UUID in base32, 30 characters, for devices that
	// take no more than 32.
	IDShort IDFormat = "short"
)

const idPrefix = "pvc-"

// base32 in small letters: NVMe names are compared by case, people are not.
var shortUUID = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// id gives the volume id for a name.
func (f IDFormat) id(name string) string {
	u := uuid.NewSHA1(uuid.NameSpaceDNS, []byte(name))
	if f == IDShort {
		return idPrefix + shortUUID.EncodeToString(u[:])
	}
	return idPrefix + u.String()
}

// possibleID is what any volume on any RDS can be called. The list of
// characters is that of package routeros, which refuses everything else.
var possibleID = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,63}$`)

// isPossible reports whether an RDS could hold a volume of that id.
func isPossible(id string) bool { return possibleID.MatchString(id) }
