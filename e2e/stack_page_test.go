//go:build linux && !race

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTheStatusPageReadsRightInABrowser looks at the page as a person does,
// before, in and after an outage.
func TestTheStatusPageReadsRightInABrowser(t *testing.T) {
	realTime(t, "chromium")
	rds := startDevice(t)
	// A refused login waits that long before the next attempt.
	s := startService(t, rds.device, "", "--rds-backoff-max=5s")
	s.shows(10*time.Second, "connected, and its volumes", func(v shown) bool { return connected(v) && v.Volumes != nil })
	for _, name := range []string{"pvc-1", "pvc-2", "pvc-3"} {
		if _, err := s.create(t.Context(), name, 1<<30); err != nil {
			t.Fatal(err)
		}
	}
	s.reads(`^Connected$`, "RDS connection to "+rds.address(), "RDS2216", "7.24.5 (stable)", "HK70A1B2C3D", "Volumes", "pinned")

	rds.do("/faults/reject-login?on=true")
	rds.do("/drop")
	s.shows(10*time.Second, "the refused login", func(v shown) bool {
		return v.Outage != nil && v.State == "waiting" && v.LastError != nil && v.LastError.Kind == "auth"
	})
	s.reads(`^Disconnected waiting, next attempt in `, "Running outage", "What to do", "auth", "as last seen")

	rds.do("/faults/none")
	s.shows(20*time.Second, "connected again, and its volumes", func(v shown) bool {
		return connected(v) && v.Volumes != nil && v.Volumes.Count == 3
	})
	s.reads(`^Connected$`, "Last outage", "link", "3 GiB in all")
	light, dark := s.looks("light"), s.looks("dark")
	if light < 0.8 || dark > 0.2 {
		t.Errorf("of the full light the bright page has %.2f, the dark one %.2f", light, dark)
	}
}

var (
	tags     = regexp.MustCompile(`(?s)<(script|style).*?</(script|style)>|<[^>]*>`)
	headline = regexp.MustCompile(`(?s)<h1>(.*?)</h1>`)
	blanks   = regexp.MustCompile(`\s+`)
)

// text is what is left of a page without its tags.
func text(html string) string {
	return strings.TrimSpace(blanks.ReplaceAllString(tags.ReplaceAllString(html, " "), " "))
}

// reads expects the big letters to match, and the words on the page.
func (s *service) reads(big string, words ...string) {
	s.t.Helper()
	dom := s.browse("--dump-dom")
	found := headline.FindStringSubmatch(dom)
	if found == nil || !regexp.MustCompile(big).MatchString(text(found[1])) {
		s.t.Errorf("the page says %q in big letters, want %s", found, big)
	}
	page := text(dom)
	for _, w := range words {
		if !strings.Contains(page, w) {
			s.t.Errorf("the page does not say %q:\n%s", w, page)
		}
	}
}

// looks takes a picture of the page in a colour scheme, and returns how bright
// it is between 0 and 1. With -update it becomes that of the documentation.
func (s *service) looks(scheme string) (brightness float64) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "page.png")
	if *update {
		file = repository(s.t, "docs", "images", "status-"+scheme+".png")
	}
	const width, height = 1100, 1900
	preferred := map[string]string{"dark": "0", "light": "1"}[scheme] // Blink's numbers
	s.browse("--screenshot="+file, fmt.Sprintf("--window-size=%d,%d", width, height),
		"--hide-scrollbars", "--blink-settings=preferredColorScheme="+preferred)
	content, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(content))
	if err != nil {
		s.t.Fatal(err)
	}
	if size := picture.Bounds().Size(); size != image.Pt(width, height) {
		s.t.Errorf("the picture is %v", size)
	}
	colours := make(map[color.Gray16]bool)
	for y := range height {
		for x := range width {
			gray := color.Gray16Model.Convert(picture.At(x, y)).(color.Gray16)
			colours[gray] = true
			brightness += float64(gray.Y) / 0xffff / (width * height)
		}
	}
	if len(colours) < 16 { // text alone has more
		s.t.Errorf("the picture has %d shades", len(colours))
	}
	return brightness
}

// browse opens the page in a browser and returns what that prints.
func (s *service) browse(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	// Containers have neither what a sandbox needs nor a large /dev/shm.
	browser := exec.CommandContext(ctx, "chromium", append([]string{"--headless", "--no-sandbox", "--disable-gpu",
		"--disable-dev-shm-usage", "--user-data-dir=" + s.t.TempDir()}, append(args, s.page)...)...)
	var stdout, stderr bytes.Buffer
	browser.Stdout, browser.Stderr = &stdout, &stderr
	// Its helpers hold the pipes, and can outlive it.
	browser.WaitDelay = 5 * time.Second
	if err := browser.Run(); err != nil {
		s.t.Fatalf("chromium: %v\n%s", err, tail(stderr.String(), 2<<10))
	}
	return stdout.String()
}
