package routeros

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestRefusalsGetTheirKind(t *testing.T) {
	for text, want := range map[string]Kind{
		"not enough permissions":                             ErrNotAllowed,
		"std failure: not allowed (9)":                       ErrNotAllowed,
		"failure: not allowed by device-mode":                ErrNotAllowed,
		"no such item":                                       ErrNotFound,
		"no such item (4)":                                   ErrNotFound,
		"expected item id (line 1 column 14)":                ErrNotFound,
		"failure: already have such entry":                   ErrAlreadyExists,
		"failure: already have such address":                 ErrAlreadyExists,
		"failure: slot already exists":                       ErrAlreadyExists,
		"failure: slot is already in use":                    ErrAlreadyExists,
		"failure: file system is not mounted":                ErrPoolUnavailable,
		"failure: slot name is too long":                     ErrInvalid,
		"failure: not enough space":                          ErrNoSpace,
		"failure: not enough disk space":                     ErrNoSpace,
		"failure: No space left on device":                   ErrNoSpace,
		"could not unmount, stop using it first":             ErrInUse,
		"cannot bind to port 80: Address in use (12)":        ErrInUse,
		"action timed out - try again":                       ErrOutcomeUnknown,
		"bad command name X (line 1 column 9)":               ErrUnsupported,
		"expected end of command (line 1 column 9)":          ErrUnsupported,
		"bad parameter X (line 1 column 9)":                  ErrUnsupported,
		"unknown parameter X":                                ErrUnsupported,
		"no such command prefix":                             ErrUnsupported,
		"syntax error (line 1 column 9)":                     ErrInvalid,
		"input does not match any value of type":             ErrInvalid,
		"invalid value for argument file-size":               ErrInvalid,
		"value of slot out of range (1..32)":                 ErrInvalid,
		"value of size contains invalid trailing characters": ErrInvalid,
		"Script Error: missing value(s) of argument(s) type": ErrInvalid,
		"ambiguous command name f (line 1 column 7)":         ErrInvalid,
		"expected command name":                              ErrInvalid,
		"failure: the moon is in the wrong phase":            ErrFailure,
		"compression only available for btrfs":               ErrFailure,
		"gone fishing (:error; line 1)":                      ErrFailure,
	} {
		err := refusal(text, "/disk add")
		if err.Kind != want || !errors.Is(err, want) || err.Text != text {
			t.Errorf("%q: got %v, want kind %s", text, err, want)
		}
	}
}

func TestAnUnknownNVMePropertyMeansThatRoseStorageIsMissing(t *testing.T) {
	const line = `/disk add type=file nvme-tcp-export=yes nvme-tcp-server-nqn="nqn.x:y" slot="nvme-tcp-z"`
	for text, want := range map[string]Kind{
		"expected end of command (line 1 column 21)":                       ErrRoseStorageMissing, // first byte of the name
		"expected end of command (line 1 column 36)":                       ErrRoseStorageMissing, // just behind it
		"bad parameter nvme-tcp-export (line 1 column 36)":                 ErrRoseStorageMissing,
		"unknown parameter nvme-tcp-export":                                ErrRoseStorageMissing,
		"expected end of command (line 1 column 41)":                       ErrUnsupported, // the NQN alone: before 7.21
		"unknown parameter nvme-tcp-server-nqn":                            ErrUnsupported,
		"expected end of command (line 1 column 11)":                       ErrUnsupported, // type
		"expected end of command (line 1 column 9999)":                     ErrUnsupported, // a value is no property
		"expected end of command (line 1 column 0)":                        ErrUnsupported,
		"expected end of command":                                          ErrUnsupported,
		"input does not match any value of value-name":                     ErrRoseStorageMissing,
		"failure: nvme-tcp-export needs a mounted pool, which is not here": ErrFailure,
	} {
		if got := refusal(text, line); got.Kind != want {
			t.Errorf("%q: got %v, want kind %s", text, got, want)
		}
	}
}

func TestAnUnknownNVMePropertyInAConditionMeansTheSame(t *testing.T) {
	line := pvc1.removeDiskCommand()
	for _, column := range []int{strings.Index(line, "!") + 1, strings.Index(line, "nvme-tcp-export") + 1} {
		if got := refusal(fmt.Sprintf("expected end of command (line 1 column %d)", column), line); got.Kind != ErrRoseStorageMissing {
			t.Errorf("column %d: got %v", column, got)
		}
	}
}

func TestErrorsCarryDeviceTextOnOneShortLine(t *testing.T) {
	err := refusal("failure: \x1b[31mbad\x00\r\n  thing\xff "+strings.Repeat("ä", 300), "")
	if len(err.Text) > maxText+3 || strings.ContainsAny(err.Text, "\r\n\x00\x1b") || !utf8.ValidString(err.Text) {
		t.Errorf("text is %q", err.Text)
	}
	if !strings.HasPrefix(err.Text, "failure: [31mbad thing?") || !strings.HasSuffix(err.Text, "ä...") {
		t.Errorf("text is %q", err.Text)
	}
}

func TestAnErrorGivesKindCauseAndRemedy(t *testing.T) {
	cause := errors.New("the cause")
	err := withOp("create volume", &Error{Kind: ErrNoSpace, Text: "failure: not enough space", Remedy: "free some", Cause: cause})
	if !errors.Is(err, cause) || !errors.Is(err, ErrNoSpace) || errors.Is(err, ErrInvalid) || KindOf(err) != ErrNoSpace {
		t.Errorf("wrong kind or cause in %v", err)
	}
	const want = "routeros: create volume: no space: failure: not enough space: the cause (free some)"
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if KindOf(cause) != "" || withOp("x", cause) != cause {
		t.Error("an error of the executor got a kind or a name")
	}
}
