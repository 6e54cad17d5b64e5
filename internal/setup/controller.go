package setup

import (
	"context"
	"errors"
	"fmt"

	"rds-csi/internal/conn"
	"rds-csi/internal/routeros"
)

// asController connects as the controller will: with its user, its key and the pinned host key.
func (s *run) asController(ctx context.Context) (conn.Report, error) {
	report, _, err := s.controllerDoes(ctx, nil)
	return report, err
}

// controllerDoes runs something on a connection of the controller's.
func (s *run) controllerDoes(ctx context.Context, do func(routeros.Executor) (string, error)) (conn.Report, string, error) {
	client, err := conn.NewSSHClient(conn.SSHClientConfig{
		Host: s.Host, Port: s.Port, User: s.User, KeyFile: s.Files.Key, HostKeyFile: s.Files.HostKeys,
		Verify: verify, Dial: s.Dial,
	})
	if err != nil {
		return conn.Report{}, "", err
	}
	defer client.Close()
	if err := client.Connect(ctx); err != nil || do == nil {
		return client.Report(), "", err
	}
	text, err := do(client)
	return client.Report(), text, err
}

func verify(ctx context.Context, exec conn.ExecFunc) (conn.Identity, error) {
	info, err := routeros.Verify(ctx, routeros.ExecutorFunc(exec))
	return conn.Identity{Version: info.Version, Board: info.Board, Uptime: info.Uptime}, err
}

// login proves it all: what the controller's own check asks for is there.
func (s *run) login(ctx context.Context) (outcome, error) {
	_, text, err := s.controllerDoes(ctx, func(x routeros.Executor) (string, error) { return s.checkVolumes(ctx, x) })
	if err != nil {
		return outcome{}, loginFault(err)
	}
	return there("as %s with the key; %s", s.User, text)
}

// checkVolumes is what `controller check` asks of the device.
func (s *run) checkVolumes(ctx context.Context, x routeros.Executor) (string, error) {
	v, err := routeros.NewVolumes(routeros.VolumesConfig{Executor: x, BasePath: s.BasePath})
	if err != nil {
		return "", err
	}
	if err := v.CheckWrite(ctx); err != nil {
		return "", err
	}
	pool, err := v.Capacity(ctx)
	switch {
	case err != nil:
		return "", err
	case !pool.Mounted:
		return "", errors.New("the pool is not mounted")
	}
	seen, err := v.CheckDirectory(ctx)
	if err != nil {
		return "", err
	}
	note := ""
	if !seen {
		note = ", though the device does not list the base path"
	}
	return fmt.Sprintf("it may change disks and export them, /%s is mounted%s", pool.MountPoint, note), nil
}

// loginFault adds the remedy that the connection's own table has.
func loginFault(err error) error {
	if kind := conn.KindOf(err); kind != "" {
		return fault(kind.Remedy(), "%w", err)
	}
	return err
}
