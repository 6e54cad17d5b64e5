package main

import (
	"context"
	"log/slog"

	"rds-csi/internal/conn"
	"rds-csi/internal/driver"
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

// newManager makes what keeps the connection as the operator wants it. After a
// reconnection it looks at the volumes, where they are served.
func newManager(r rdsConfig, client conn.Client, observer conn.Observer, logger *slog.Logger, volumes *driver.ControllerConfig) (*conn.ConnectionManager, error) {
	keep := conn.ConnectionManagerConfig{
		Client: client, Observer: observer, Logger: logger,
		InitialInterval:     r.backoffInitial,
		MaxInterval:         r.backoffMax,
		Multiplier:          r.backoffMultiplier,
		RandomizationFactor: r.backoffJitter,
		MaxElapsedTime:      r.backoffMaxElapsed,
	}
	if keep.RandomizationFactor == 0 {
		keep.RandomizationFactor = -1 // none; zero would be the default
	}
	if volumes != nil {
		keep.OnReconnect = volumes.Inventory.Reconcile
	}
	return conn.NewConnectionManager(keep)
}
