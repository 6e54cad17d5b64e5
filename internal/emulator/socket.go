package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
)

// A device socket gives a Device to other processes, one line per connection: the forced command of a real sshd runs
// its command on the same device as the emulator's own SSH service.

type socketRequest struct {
	User    string `json:"user"`
	Command string `json:"command"`
}

// ServeDevice answers on a listener, usually a unix socket that only its owner may use, until the context ends. It
// closes the listener and returns when the last request is answered.
func ServeDevice(ctx context.Context, l net.Listener, d *Device) error {
	var requests sync.WaitGroup
	defer requests.Wait()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		requests.Go(func() { answer(ctx, conn, d) })
	}
}

func answer(ctx context.Context, conn net.Conn, d *Device) {
	defer conn.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	var request socketRequest
	if json.NewDecoder(conn).Decode(&request) != nil {
		return
	}
	json.NewEncoder(conn).Encode(d.Run(ctx, userName(request.User), request.Command))
}

// RunOverSocket runs one line on the device behind a unix socket.
func RunOverSocket(ctx context.Context, path, user, command string) (Result, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return Result{}, fmt.Errorf("device socket: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := json.NewEncoder(conn).Encode(socketRequest{user, command}); err != nil {
		return Result{}, fmt.Errorf("device socket: %w", err)
	}
	var result Result
	if err := json.NewDecoder(conn).Decode(&result); err != nil {
		return Result{}, fmt.Errorf("device socket: no answer: %w", err)
	}
	return result, nil
}
