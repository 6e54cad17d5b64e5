package routeros

import (
	"fmt"
	"math"
	"path"
	"regexp"
	"strconv"
	"strings"
)

const (
	// maxSlot is more than any device was seen to take. One takes 40 characters (pvc- and a UUID), another no more than
	// 32, so only the device itself can refuse what lies between.
	maxSlot = 64
	// safeSlot is a length that every device takes.
	safeSlot = 32
	// maxNQN is the limit of the NVMe specification.
	maxNQN  = 223
	maxBase = 200
	// sizeUnit: volumes are whole MiB, so that no layer below has to round.
	sizeUnit = 1 << 20

	shorterSlot = "use shorter volume ids: --volume-id-format=short"
)

var (
	// A slot begins with a letter: :serialize makes numbers of strings that look like one.
	validSlot = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]*$`)
	validPath = regexp.MustCompile(`^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$`)
	validNQN  = regexp.MustCompile(`^nqn\.[0-9]{4}-[0-9]{2}\.[A-Za-z0-9.-]+:[A-Za-z0-9._:-]*$`)
)

func invalid(format string, args ...any) *Error {
	return &Error{Kind: ErrInvalid, Text: oneLine(fmt.Sprintf(format, args...))}
}

// checkSlot refuses names that RouterOS cannot hold, or that mean something else in a path.
func checkSlot(slot string) error {
	if len(slot) > maxSlot {
		err := invalid("the slot %q has %d characters, at most %d fit", slot, len(slot), maxSlot)
		err.Remedy = shorterSlot
		return err
	}
	if !validSlot.MatchString(slot) {
		return invalid("the slot %q must be a letter, then letters, digits, dots, underscores and hyphens", slot)
	}
	return nil
}

// cleanBase gives a base path without slashes at its ends.
func cleanBase(base string) (string, error) {
	trimmed := strings.Trim(base, "/")
	if len(trimmed) > maxBase {
		return "", invalid("the base path has %d characters, at most %d fit", len(trimmed), maxBase)
	}
	if !validPath.MatchString(trimmed) || path.Clean(trimmed) != trimmed || strings.HasPrefix(trimmed, "..") || trimmed == "." {
		return "", invalid("the base path %q must be a directory such as /pool/volumes, of letters, digits, dots, underscores and hyphens", base)
	}
	return trimmed, nil
}

func checkNQN(nqn string) error {
	if len(nqn) > maxNQN || !validNQN.MatchString(nqn) {
		return invalid("%q is no NVMe qualified name (nqn.<year>-<month>.<domain>:<name>, at most %d characters)", nqn, maxNQN)
	}
	return nil
}

// roundUp gives the size of the volume for a request of so many bytes.
func roundUp(bytes int64) (int64, error) {
	if bytes <= 0 || bytes > math.MaxInt64-sizeUnit {
		return 0, invalid("%d bytes are no size for a volume", bytes)
	}
	return (bytes + sizeUnit - 1) / sizeUnit * sizeUnit, nil
}

// sizeText is a size in whole MiB as file-size takes it: the suffixes of files are powers of 1024.
func sizeText(bytes int64) string {
	if bytes%(1<<30) == 0 {
		return strconv.FormatInt(bytes>>30, 10) + "G"
	}
	return strconv.FormatInt(bytes/sizeUnit, 10) + "M"
}
