package driver

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"rds-csi/internal/conn"
	"rds-csi/internal/routeros"
)

func TestEveryKindOfErrorHasItsCode(t *testing.T) {
	for kind, want := range map[routeros.Kind]codes.Code{
		routeros.ErrNotFound: codes.NotFound, routeros.ErrAlreadyExists: codes.AlreadyExists, routeros.ErrNoSpace: codes.ResourceExhausted,
		routeros.ErrInvalid: codes.FailedPrecondition, routeros.ErrInUse: codes.FailedPrecondition, routeros.ErrPoolUnavailable: codes.Unavailable,
		routeros.ErrRoseStorageMissing: codes.FailedPrecondition, routeros.ErrNotAllowed: codes.FailedPrecondition,
		routeros.ErrUnsupported: codes.FailedPrecondition, routeros.ErrTruncated: codes.Unavailable, routeros.ErrMalformed: codes.Unavailable,
		routeros.ErrOutcomeUnknown: codes.Unavailable, routeros.ErrFailure: codes.Internal, "new": codes.Internal,
	} {
		if got := code(fmt.Errorf("wrapped: %w", &routeros.Error{Kind: kind})); got != want {
			t.Errorf("%s: got %v, want %v", kind, got, want)
		}
	}
	for _, kind := range []conn.Kind{conn.KindClosed, conn.KindTimeout, conn.KindBusy, conn.KindRejected, conn.KindTooLarge, conn.KindCanceled} {
		if got := code(&conn.Error{Op: "exec", Kind: kind}); got != codes.Unavailable {
			t.Errorf("%s: got %v", kind, got)
		}
	}
	if got := code(errors.New("whatever")); got != codes.Internal {
		t.Errorf("a foreign error: got %v", got)
	}
}

func TestTheFailureOfAnEarlierOutageIsNotThatOfThisOne(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.lose()
		w.pass(time.Second)
		w.back()
		w.pass(20 * time.Second)
		w.rds.SetDropDials(true)
		w.rds.DropAll()
		w.pass(0)
		_, info := details(t, w.delete("pvc-1"))
		if info.GetMetadata()["kind"] != "eof" {
			t.Errorf("got %v", info)
		}
	})
}
