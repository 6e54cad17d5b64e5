package main

import (
	"context"

	"rds-csi/internal/conn"
	"rds-csi/internal/routeros"
)

// newClient makes the SSH client of the RDS; it connects nowhere yet.
func newClient(r rdsConfig, observer conn.Observer) (*conn.SSHClient, error) {
	return conn.NewSSHClient(conn.SSHClientConfig{
		Host: r.host, Port: r.port, User: r.user,
		KeyFile: r.keyFile, HostKeyFile: r.hostKeyFile, InsecureSkipVerify: r.skipVerify,
		Verify:         verify,
		ConnectTimeout: r.connectTimeout,
		CommandTimeout: r.commandTimeout,
		SessionLimit:   r.sessionLimit,
		DialBudget:     r.dialBudget,
		Observer:       observer,
	})
}

// verify asks the device what it is, in the words of RouterOS.
func verify(ctx context.Context, exec conn.ExecFunc) (conn.Identity, error) {
	info, err := routeros.Verify(ctx, routeros.ExecutorFunc(exec))
	return conn.Identity{
		SerialNumber: info.SerialNumber,
		SoftwareID:   info.SoftwareID,
		SystemID:     info.SystemID,
		Version:      info.Version,
		Board:        info.Board,
		Uptime:       info.Uptime,
	}, err
}

// managerConfig is how the operator wants the connection kept.
func managerConfig(r rdsConfig) conn.ConnectionManagerConfig {
	jitter := r.backoffJitter
	if jitter == 0 {
		jitter = -1 // none; zero would be the default
	}
	return conn.ConnectionManagerConfig{
		InitialInterval:     r.backoffInitial,
		MaxInterval:         r.backoffMax,
		Multiplier:          r.backoffMultiplier,
		RandomizationFactor: jitter,
		MaxElapsedTime:      r.backoffMaxElapsed,
	}
}
