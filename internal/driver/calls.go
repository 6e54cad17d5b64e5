package driver

import (
	"context"
	"fmt"
	"log/slog"
	"path"
	"runtime/debug"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// calls watches over every RPC.
type calls struct {
	logger   *slog.Logger
	observer Observer
	inFlight atomic.Int64
}

// observe counts, reports and logs an RPC. Requests are never logged: they may hold
// secrets.
func (c *calls) observe(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	c.inFlight.Add(1)
	defer c.inFlight.Add(-1)
	start := time.Now()
	response, err := handler(ctx, request)
	call := Call{Method: info.FullMethod, Code: status.Code(err).String(), Duration: time.Since(start)}
	c.observer.CallEnded(ctx, call)
	attrs := []slog.Attr{
		slog.String("method", path.Base(call.Method)),
		slog.String("code", call.Code),
		slog.Duration("duration", call.Duration),
	}
	if err == nil {
		c.logger.LogAttrs(ctx, slog.LevelDebug, "CSI call", attrs...)
		return response, nil
	}
	attrs = append(attrs, slog.String("error", status.Convert(err).Message()))
	c.logger.LogAttrs(ctx, slog.LevelWarn, "CSI call failed", attrs...)
	return nil, err
}

// recover turns a panic into an error of this one call: the connection, its
// monitor and all other calls go on.
func (c *calls) recover(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (_ any, err error) {
	defer func() {
		if v := recover(); v != nil {
			c.logger.ErrorContext(ctx, "CSI call panicked",
				"method", path.Base(info.FullMethod), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = status.Error(codes.Internal, "internal error; see the log of the controller")
		}
	}()
	return handler(ctx, request)
}
