package emulator

import (
	"context"
	"slices"
	"syscall"
	"testing"
	"time"
)

// dialsAt dials at the given seconds and returns those that were dropped.
func (h *harness) dialsAt(seconds ...int) (dropped []int) {
	for _, s := range seconds {
		time.Sleep(time.Until(h.start.Add(time.Duration(s) * time.Second)))
		ctx, cancel := context.WithTimeout(h.Context(), time.Millisecond)
		wire, err := h.Dial(ctx, "tcp", "rds:22")
		if err != nil {
			dropped = append(dropped, s)
		} else {
			wire.Close()
		}
		cancel()
	}
	return dropped
}

func TestClassicRulesBanAfterTheFourthDial(t *testing.T) {
	for _, test := range []struct {
		name    string
		dials   []int
		dropped []int
	}{
		{"backoff of 1, 2, 4, 8 s", []int{0, 1, 3, 7, 15}, []int{15}},
		{"three, then 61 s of peace", []int{0, 1, 3, 64, 65, 67, 128, 129, 131}, nil},
		{"a steady 50 s", []int{0, 50, 100, 150, 200}, []int{200}},
		{"ten days later", []int{0, 1, 2, 3, 4, 10*86400 + 3}, []int{4}},
		{"its ban is not renewed", []int{0, 1, 2, 3, 86400, 10*86400 + 3}, []int{86400}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Options{BruteForce: ClassicRules()}, func(h *harness) {
				if got := h.dialsAt(test.dials...); !slices.Equal(got, test.dropped) {
					h.Errorf("dropped at %v, want %v", got, test.dropped)
				}
			})
		})
	}
}

func TestManualRulesDropTheFourthDialAndRenewTheBan(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		h.SetBruteForce(ManualRules())
		got := h.dialsAt(0, 299, 299+899, 299+899+3599, 2*86400, 2*86400+301)
		if !slices.Equal(got, []int{299 + 899 + 3599}) {
			h.Errorf("dropped at %v", got)
		}
		h.SetBruteForce(ManualRules())
		day := 86400
		got = h.dialsAt(3*day, 3*day+1, 3*day+2, 3*day+3, 4*day, 5*day-1, 6*day)
		if want := []int{3*day + 3, 4 * day, 5*day - 1}; !slices.Equal(got, want) {
			h.Errorf("dropped at %v, want %v", got, want)
		}
		if st := h.Stats(); st.Banned != 4 {
			h.Errorf("%d banned", st.Banned)
		}
	})
}

func TestBannedSourceCanBeRefused(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		rules := ManualRules()
		rules.Refuse = true
		h.SetBruteForce(rules)
		h.dialsAt(0, 1, 2)
		_, err := h.login("admin")
		wantError(h.T, err, syscall.ECONNREFUSED)
	})
}
