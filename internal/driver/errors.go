package driver

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rds-csi/internal/conn"
	"rds-csi/internal/routeros"
)

// code is the one place where errors of the store become codes of gRPC.
//
// Unavailable is for everything that leaves open what there is on the RDS:
// callers go on then until they know. Of the other codes they take that the
// call is over and left nothing behind, so these need the word of the RDS.
func code(err error) codes.Code {
	switch kind := routeros.KindOf(err); kind {
	case routeros.ErrNotFound:
		return codes.NotFound
	case routeros.ErrAlreadyExists:
		return codes.AlreadyExists
	case routeros.ErrNoSpace:
		return codes.ResourceExhausted
	case routeros.ErrInvalid, routeros.ErrInUse, routeros.ErrRoseStorageMissing, routeros.ErrNotAllowed, routeros.ErrUnsupported:
		// What the caller said was checked before: something on the RDS or in the
		// configuration has to change.
		return codes.FailedPrecondition
	case routeros.ErrPoolUnavailable, routeros.ErrTruncated, routeros.ErrMalformed, routeros.ErrOutcomeUnknown:
		return codes.Unavailable
	case routeros.ErrFailure:
		return codes.Internal
	case "":
		if conn.KindOf(err) != "" || errors.Is(err, conn.ErrStopped) {
			return codes.Unavailable // not sent, outcome unknown, or refused by a device that is busy
		}
	}
	return codes.Internal
}

// failure makes the answer to an RPC of an error of the store.
func (c *controller) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		// The caller gave up; it reads no answer, but interceptors do.
		return status.Error(status.FromContextError(ctx.Err()).Code(), "given up by the caller: "+err.Error())
	}
	switch code := code(err); code {
	case codes.Unavailable:
		return c.undecided(err)
	default:
		return status.Error(code, err.Error())
	}
}

// undecided is the answer to an RPC that was cut short. State and since are
// those of the connection now: it may be back, or not known to be lost yet.
func (c *controller) undecided(err error) error {
	s := c.cfg.Connection.Snapshot()
	since, _ := outageOf(s)
	info := stateAndSince(s, since, time.Now())
	retry := soon
	if s.State == conn.StateWaiting {
		retry = max(time.Until(s.NextAttempt), 0)
	}
	kind := string(routeros.KindOf(err))
	if kind == "" {
		kind = string(conn.KindOf(err))
		info["outcome"] = string(conn.OutcomeOf(err))
	}
	info["kind"] = kind
	reason := "RDS_" + strings.ToUpper(kind)
	return unavailable(err.Error(), retry, &errdetails.ErrorInfo{Reason: reason, Domain: c.cfg.Name, Metadata: info})
}
