package composecheck_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestTheProgramsRunAsTheStackRunsThem(t *testing.T) {
	m := newMachine(t, "127.0.0.1")
	m.once("emulator-keys")
	m.once("keys")
	first := m.files("keys")
	for _, name := range []string{"emulator-keys", "keys"} { // with each `up`
		m.once(name)
	}
	if again := m.files("keys"); !maps.Equal(first, again) {
		t.Errorf("there are other keys each time: %v", slices.Sorted(maps.Keys(again)))
	}
	m.start("emulator")
	m.start("controller")
	m.until("the controller is ready", func() error {
		status, answer, err := m.ready()
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d: %s", status, answer)
		}
		return err
	})
	if _, err := os.Stat(filepath.Join(m.folder, "csi", "csi.sock")); err != nil {
		t.Error(err)
	}
	m.until("a span has come", func() error {
		if m.spans.Load() == 0 {
			return fmt.Errorf("none so far")
		}
		return nil
	})
}

func TestTheControllerLivesWithoutAnRDS(t *testing.T) {
	m := newMachine(t, "rds.invalid")
	m.once("keys")
	m.start("controller")
	status, answer, err := m.ready()
	if err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("%d: %s, %v", status, answer, err)
	}
}
