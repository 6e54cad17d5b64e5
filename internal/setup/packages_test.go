package setup

import (
	"context"
	"strings"
	"testing"

	"rds-csi/internal/routeros"
)

// The emulator lists installed packages alone; devices since 7.18 also list others.
func TestAPackageThatIsListedIsNotAlwaysInstalled(t *testing.T) {
	for rows, want := range map[string]packageState{
		`[]`: packageAbsent,
		`[{".id":"*2","available":true,"disabled":true,"name":"rose-storage"}]`:                     packageAbsent,
		`[{".id":"*2","available":false,"disabled":true,"name":"rose-storage","version":"7.24.5"}]`: packageDisabled,
		`[{".id":"*2","disabled":false,"name":"rose-storage","version":"7.24.5"}]`:                  packageInstalled,
		`[{".id":"*2","available":"no","disabled":"no","name":"rose-storage","version":"7.24.5"}]`:  packageInstalled,
	} {
		device := routeros.ExecutorFunc(func(_ context.Context, command string) (string, error) {
			_, sentinel, _ := strings.Cut(command, `:put "`)
			return rows + "\r\n" + strings.TrimSuffix(sentinel, `"`) + "\r\n", nil
		})
		if got, _, err := readPackageState(t.Context(), device); err != nil || got != want {
			t.Errorf("%s: got %v, %v", rows, got, err)
		}
	}
}

func TestThePackageIsThatOfVersionAndArchitecture(t *testing.T) {
	for want, info := range map[string]routeros.SystemInfo{
		"rose-storage-7.24.5.npk":       {Version: "7.24.5 (stable)", Architecture: "x86_64"},
		"rose-storage-7.24.5-arm64.npk": {Version: "7.24.5 (stable)", Architecture: "arm64"},
		"rose-storage-7.25rc1.npk":      {Version: "7.25rc1", Architecture: "x86"},
	} {
		if got := (&run{info: info}).packageName(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
