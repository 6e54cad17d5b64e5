package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const healthcheckTimeout = 3 * time.Second

// healthcheck asks the running controller how it is. It always fails with 1:
// container engines reserve other codes.
func healthcheck(ctx context.Context, p process) int {
	var url string
	var ready bool
	cfg, ss, err := readSettings(p,
		&setting{name: "url", parse: text(&url), usage: "ask this URL"},
		&setting{name: "ready", fallback: "false", isSwitch: true, parse: boolean(&ready), usage: "ask for /readyz"})
	if err != nil {
		return min(p.refuse(err), exitFailure)
	}
	// Whatever else may be wrong is no concern of a question by HTTP.
	if wrong := ss.faults.of("metrics-address", "health-address", "ready"); len(wrong) > 0 {
		return p.fail(errors.New(wrong[0].String()))
	}
	if url == "" {
		path := "/livez"
		if ready {
			path = "/readyz"
		}
		if url, err = healthURL(cfg, path); err != nil {
			return p.fail(err)
		}
	}
	if !strings.Contains(url, "://") {
		return p.fail(fmt.Errorf("--url=%s: is no URL; write it whole, such as http://127.0.0.1:9809/livez", url))
	}
	answer, err := get(ctx, url)
	if err != nil {
		return p.fail(err)
	}
	fmt.Fprint(p.stdout, answer)
	return exitOK
}

// healthURL is where the controller with the same flags answers.
func healthURL(cfg *config, path string) (string, error) {
	address, name := cfg.healthAddress, "--health-address"
	if address == "" {
		address, name = cfg.metricsAddress, "--metrics-address"
		if cfg.webConfigFile != "" {
			return "", errors.New("with --web.config.file, --metrics-address may want TLS and a password; give the controller a --health-address, or say --url")
		}
	}
	host, port, err := net.SplitHostPort(address)
	switch {
	case address == "":
		return "", errors.New("the controller has neither --health-address nor --metrics-address, so there is nobody to ask")
	case err != nil:
		return "", fmt.Errorf("%s=%s: %w", name, address, err)
	case port == "0":
		return "", fmt.Errorf("%s=%s leaves the port to the kernel; say --url", name, address)
	}
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	return "http://" + net.JoinHostPort(host, port) + path, nil
}

// get returns the answer of a healthy controller.
func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	// A proxy of the environment is for the world outside of the container.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s: %s", url, response.Status, strings.TrimSpace(string(body)))
	}
	return string(body), nil
}
