package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/emulator"
)

// embeddedRDS is an emulated RDS in this process, reached through real TCP on
// loopback with keys of its own in a temporary folder.
type embeddedRDS struct {
	server  *emulator.Server
	folder  string
	outages *emulator.Outages // nil: none
}

// startEmbedded starts one and points cfg to it. What is given about our own
// listeners is kept.
func startEmbedded(cfg *config, ss *settings) (*embeddedRDS, error) {
	folder, err := os.MkdirTemp("", "rds-csi-")
	if err != nil {
		return nil, fmt.Errorf("no temporary folder for --embedded-rds: %w", err)
	}
	e := &embeddedRDS{folder: folder, outages: cfg.outages}
	if err := e.start(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("--embedded-rds: %w", err), e.close())
	}
	if !ss.given("endpoint") {
		cfg.endpoint = endpoint{"unix", filepath.Join(folder, "csi.sock")}
	}
	if !ss.given("metrics-address") {
		cfg.metricsAddress = "127.0.0.1:9809"
	}
	return e, nil
}

func (e *embeddedRDS) start(cfg *config) (err error) {
	r := &cfg.rds
	if len(r.volumeBasePaths) == 0 {
		r.volumeBasePaths = []string{"/pool/volumes"}
	}
	var directories []string
	for _, path := range r.volumeBasePaths {
		directories = append(directories, strings.Trim(path, "/"))
	}
	device := emulator.NewDevice(emulator.DeviceOptions{Directories: directories})
	if e.server, err = emulator.NewServer(emulator.Options{HostKeyType: "ed25519", Device: device}); err != nil {
		return err
	}
	client, err := e.writeKey(&r.keyFile)
	if err != nil {
		return err
	}
	e.server.AuthorizeKey(r.user, client)
	r.skipVerify = false
	r.hostKeyFile = filepath.Join(e.folder, "host_key.pub")
	if err := os.WriteFile(r.hostKeyFile, ssh.MarshalAuthorizedKey(e.server.HostKey()), 0o600); err != nil {
		return err
	}
	address, err := e.server.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return err
	}
	r.host = host
	r.port, err = strconv.Atoi(port)
	return err
}

// writeKey makes the key that the controller logs in with.
func (e *embeddedRDS) writeKey(path *string) (ssh.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "rds-csi embedded")
	if err != nil {
		return nil, err
	}
	*path = filepath.Join(e.folder, "id_ed25519")
	if err := os.WriteFile(*path, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(public)
}

// run makes the outages that were asked for, until ctx ends.
func (e *embeddedRDS) run(ctx context.Context) {
	if e.outages != nil {
		e.server.RunOutages(ctx, *e.outages)
	}
}

// close ends the RDS and leaves nothing behind.
func (e *embeddedRDS) close() error {
	var err error
	if e.server != nil {
		err = e.server.Close()
	}
	return errors.Join(err, os.RemoveAll(e.folder))
}
