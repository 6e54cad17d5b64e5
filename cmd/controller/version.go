package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version string

// build is what this program was made from.
type build struct {
	version, revision, goVersion string
}

// thisBuild reads what the linker and the go command noted. What nobody noted
// is "unknown", never empty: these are values of labels.
func thisBuild() build {
	b := build{version: version, revision: "unknown", goVersion: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	if b.version == "" {
		b.version = info.Main.Version
	}
	if b.version == "" {
		b.version = "unknown"
	}
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.revision = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if modified {
		b.revision += "-modified"
	}
	return b
}

func (b build) String() string {
	return fmt.Sprintf("rds-csi controller %s, revision %s, %s %s/%s", b.version, b.revision, b.goVersion, runtime.GOOS, runtime.GOARCH)
}
