package main

import (
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"rds-csi/internal/conn"
)

// The functions of this file make the parse function of a setting.

func text(to *string, checks ...func(string) error) func(string) error {
	return func(value string) error {
		*to = value
		for _, check := range checks {
			if err := check(value); err != nil {
				return err
			}
		}
		return nil
	}
}

func boolean(to *bool) func(string) error {
	return func(value string) (err error) {
		if *to, err = strconv.ParseBool(value); err != nil {
			return bad("is neither true nor false", "write true or false")
		}
		return nil
	}
}

func wholeNumber(to *int, least, most int) func(string) error {
	return func(value string) (err error) {
		*to, err = strconv.Atoi(value)
		if err == nil && *to >= least && *to <= most {
			return nil
		}
		remedy := fmt.Sprintf("use a whole number from %d to %d", least, most)
		if strings.HasPrefix(value, "tcp://") {
			remedy += " (Kubernetes sets such a variable for a Service of that name: rename it, or set enableServiceLinks: false)"
		}
		if err != nil {
			return bad("is not a number", remedy)
		}
		return bad("is out of range", remedy)
	}
}

func number(to *float64, least, most float64, remedy string) func(string) error {
	return func(value string) (err error) {
		*to, err = strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
			return bad("is not a number", remedy)
		case !(*to >= least && *to <= most): // NaN included
			return bad("is out of range", remedy)
		}
		return nil
	}
}

// duration takes one of at least least.
func duration(to *time.Duration, least time.Duration) func(string) error {
	return func(value string) (err error) {
		*to, err = time.ParseDuration(value)
		switch {
		case err != nil:
			return bad("is not a duration", "write a number with its unit, such as 500ms, 10s or 2m")
		case *to < least:
			return bad("is too short", fmt.Sprintf("use at least %v", least))
		}
		return nil
	}
}

func choice(to *string, allowed ...string) func(string) error {
	return func(value string) error {
		for _, a := range allowed {
			if value == a {
				*to = value
				return nil
			}
		}
		return bad("is unknown", "use one of "+strings.Join(allowed, ", "))
	}
}

func logLevel(to *slog.Level) func(string) error {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	return func(value string) error {
		level, ok := levels[strings.ToLower(value)]
		if !ok {
			return bad("is unknown", "use one of debug, info, warn, error")
		}
		*to = level
		return nil
	}
}

// dialBudget reads "3/61s"; off, or nothing, is no budget.
func dialBudget(to *conn.DialBudget) func(string) error {
	return func(value string) error {
		*to = conn.DialBudget{}
		if value == "" || value == "off" {
			return nil
		}
		burst, gap, _ := strings.Cut(value, "/")
		n, err1 := strconv.Atoi(burst)
		d, err2 := time.ParseDuration(gap)
		if err1 != nil || err2 != nil || n < 1 || d <= 0 {
			return bad("is not a dial budget", "write N/W, such as 3/61s: three dials, then 61 s without any; or off")
		}
		*to = conn.DialBudget{Burst: n, Gap: d}
		return nil
	}
}

// listenAddress reads host:port of our own; nothing is no listener.
func listenAddress(to *string) func(string) error {
	return func(value string) error {
		*to = value
		if value == "" {
			return nil
		}
		return checkHostPort(value)
	}
}

func checkHostPort(value string) error {
	remedy := "write host:port or :port, such as :9809, 127.0.0.1:9809 or [::1]:9809"
	if _, err := strconv.Atoi(value); err == nil {
		return bad("has no colon", "write :"+value)
	}
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		return bad("is not an address to listen on", remedy)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return bad(fmt.Sprintf("has no valid port (%q)", port), remedy)
	}
	return nil
}

func notEmpty(remedy string) func(string) error {
	return func(value string) error {
		if value == "" {
			return bad("is missing", remedy)
		}
		return nil
	}
}
