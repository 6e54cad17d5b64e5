package main

import (
	"context"
	"net/http"
	"testing"
	"time"
)

// Metrics and page are read just when the RDS hangs: they are made from memory.
func TestAScrapeAndThePageAskTheDeviceNothing(t *testing.T) {
	d := startDevice(t)
	r := start(t, nil, d.args("--metrics-address=127.0.0.1:0")...)
	url, _ := r.line("status page")["url"].(string)
	r.line("volumes reconciled")
	before := len(d.Stats().Commands)
	d.SetHoldExec(true)
	for _, path := range []string{"metrics", "", "status.json", "livez", "readyz"} {
		// Shorter than the timeout of a command.
		ctx, cancel := context.WithTimeout(t.Context(), patience/2)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Errorf("/%s: %v after %v", path, err, time.Since(begin))
		} else {
			response.Body.Close()
		}
		cancel()
	}
	if commands := d.Stats().Commands[before:]; len(commands) > 0 {
		t.Errorf("the device was asked %q", commands)
	}
}
