package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/emulator"
)

// control is the control interface:
//
//	GET  /stats, GET /faults, GET /host-key
//	POST /faults/{name}?on=true|false     see switches
//	POST /faults/slow-exec?for=2s, /faults/delay?for=200ms, /faults/cut-output?bytes=100 (-1: off)
//	POST /faults/none                     ends them all
//	POST /drop, /reset, /disconnect, /black-hole-live
//	POST /break-protocol?packets=40       packets that no SSH client expects
//	POST /reboot?down=5s, /power-cut?down=5s
//	POST /host-key?type=ed25519           a new host key
//	POST /brute-force?rules=none|classic|manual
func control(s *emulator.Server, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Stats()) })
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Faults()) })
	mux.HandleFunc("GET /host-key", func(w http.ResponseWriter, _ *http.Request) {
		w.Write(ssh.MarshalAuthorizedKey(s.HostKey()))
	})
	post := func(path string, f func(r *http.Request) error) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			if err := f(r); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			log.Info("control", "path", r.URL.RequestURI())
			w.WriteHeader(http.StatusNoContent)
		})
	}
	for name, set := range switches(s) {
		post("/faults/"+name, withBool(set))
	}
	post("/faults/slow-exec", withDuration("for", s.SetSlowExec))
	post("/faults/delay", withDuration("for", s.SetDelay))
	post("/faults/cut-output", withNumber("bytes", s.SetCutOutput))
	post("/faults/none", now(func() { s.SetFaults(emulator.Faults{}) }))
	post("/drop", now(s.DropAll))
	post("/reset", now(s.ResetAll))
	post("/disconnect", now(s.DisconnectAll))
	post("/black-hole-live", now(s.SetBlackHoleLive))
	post("/break-protocol", withNumber("packets", s.BreakProtocolAll))
	post("/reboot", withDuration("down", s.Reboot))
	post("/power-cut", withDuration("down", s.PowerCut))
	post("/host-key", func(r *http.Request) error {
		key, err := emulator.NewHostKey(r.FormValue("type"))
		if err == nil {
			s.SetHostKeys(key)
		}
		return err
	})
	post("/brute-force", func(r *http.Request) error { return setBruteForce(s, r.FormValue("rules")) })
	return mux
}

// switches are the faults that are on or off.
func switches(s *emulator.Server) map[string]func(bool) {
	return map[string]func(bool){
		"refuse":            s.SetRefuse,
		"drop-dials":        s.SetDropDials,
		"accept-then-close": s.SetAcceptThenClose,
		"hold-banner":       s.SetHoldBanner,
		"hold-key-exchange": s.SetHoldKeyExchange,
		"reject-login":      s.SetRejectLogin,
		"hold-login":        s.SetHoldLogin,
		"hang-opens":        s.SetHangOpens,
		"lose-opens":        s.SetLoseOpens,
		"refuse-opens":      s.SetRefuseOpens,
		"hold-exec":         s.SetHoldExec,
		"black-hole":        s.SetBlackHole,
		"frozen":            s.SetFrozen,
	}
}

func now(f func()) func(*http.Request) error {
	return func(*http.Request) error { f(); return nil }
}

func withBool(f func(bool)) func(*http.Request) error {
	return func(r *http.Request) error {
		on, err := strconv.ParseBool(r.FormValue("on"))
		if err != nil {
			return fmt.Errorf("on: want true or false")
		}
		f(on)
		return nil
	}
}

func withNumber(name string, f func(int)) func(*http.Request) error {
	return func(r *http.Request) error {
		n, err := strconv.Atoi(r.FormValue(name))
		if err != nil {
			return fmt.Errorf("%s: want a number", name)
		}
		f(n)
		return nil
	}
}

func withDuration(name string, f func(time.Duration)) func(*http.Request) error {
	return func(r *http.Request) error {
		d, err := time.ParseDuration(r.FormValue(name))
		if err != nil || d < 0 {
			return fmt.Errorf("%s: want a duration such as 5s", name)
		}
		f(d)
		return nil
	}
}

func setBruteForce(s *emulator.Server, rules string) error {
	switch rules {
	case "none":
		s.SetBruteForce(emulator.BruteForceRules{})
	case "classic":
		s.SetBruteForce(emulator.ClassicRules())
	case "manual":
		s.SetBruteForce(emulator.ManualRules())
	default:
		return fmt.Errorf("rules: want none, classic or manual")
	}
	return nil
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
