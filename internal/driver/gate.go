package driver

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"rds-csi/internal/conn"
)

// soon is when to call again where no time is known: an attempt to connect is
// under way, or the connection was lost a moment ago.
const soon = time.Second

// gate is passed only while the RDS can be reached. An RPC that cannot pass is
// answered from memory: the caller has better things to do than to wait for a
// dead RDS, and knows how to call again.
func (c *controller) gate() error {
	s := c.cfg.Connection.Snapshot()
	if s.Connected() {
		return nil
	}
	return unreachable(c.cfg.Name, s, time.Now())
}

// unreachable tells what is known of the outage: in words, and for programs in
// the details RetryInfo and ErrorInfo.
func unreachable(domain string, s *conn.Snapshot, now time.Time) error {
	since, failure := outageOf(s)
	reason, why := "RDS_UNREACHABLE", ""
	info := stateAndSince(s, since, now)
	switch {
	case failure != nil:
		reason, why = "RDS_"+strings.ToUpper(string(failure.Kind)), failure.Kind.Summary()
		info["kind"] = string(failure.Kind)
	case s.Outage != nil && s.Outage.Reason != "":
		why = "The connection was lost: " + string(s.Outage.Reason) + "."
		info["kind"] = string(s.Outage.Reason)
	}
	retry := soon
	if s.State == conn.StateWaiting {
		retry = max(s.NextAttempt.Sub(now), 0)
	}
	text := fmt.Sprintf("the RDS %s is not connected since %s (%s), next attempt in %v",
		s.Address, info["since"], s.State, retry.Round(100*time.Millisecond))
	if why != "" {
		text += ": " + why
	}
	return unavailable(text, retry, &errdetails.ErrorInfo{Reason: reason, Domain: domain, Metadata: info})
}

// stateAndSince is what every ErrorInfo begins with.
func stateAndSince(s *conn.Snapshot, since, now time.Time) map[string]string {
	return map[string]string{"state": string(s.State), "since": conn.OnClock(now, since).UTC().Format(time.RFC3339)}
}

// outageOf gives the beginning of the outage and the newest failure within it,
// nil before the first one.
func outageOf(s *conn.Snapshot) (since time.Time, failure *conn.Error) {
	if s.Outage == nil {
		return s.Since, nil
	}
	if s.LastError != nil && !s.LastErrorAt.Before(s.Outage.DetectedAt) {
		failure = s.LastError
	}
	return s.Outage.DetectedAt, failure
}

func unavailable(text string, retry time.Duration, info *errdetails.ErrorInfo) error {
	bare := status.New(codes.Unavailable, text)
	detailed, err := bare.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retry)}, info)
	if err != nil { // the messages cannot be encoded, which their types exclude
		return bare.Err()
	}
	return detailed.Err()
}
