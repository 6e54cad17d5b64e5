package chr

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// zipOf is a zip file with one member, stored as it is so that damage to it is damage to the content.
func zipOf(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// serve is a download server with one file.
func serve(t *testing.T, path string, answer http.HandlerFunc) (url string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc(path, answer)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/routeros"
}

func content(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Write(data) }
}

var disk = bytes.Repeat([]byte("a disk of RouterOS\n"), 5000)

const (
	chrPath      = "/routeros/7.24.5/chr-7.24.5.img.zip"
	packagesPath = "/routeros/7.24.5/all_packages-x86-7.24.5.zip"
)

func TestAnImageWithTheExpectedSumIsTaken(t *testing.T) {
	need(t, "curl", "unzip")
	for name, test := range map[string]struct {
		path, member, result string
		args                 []string
	}{
		"the image":   {chrPath, "chr-7.24.5.img", "chr.img", nil},
		"the package": {packagesPath, "rose-storage-7.24.5.npk", "rose-storage-7.24.5.npk", []string{"--packages"}},
	} {
		t.Run(name, func(t *testing.T) {
			data := zipOf(t, test.member, disk)
			directory := filepath.Join(t.TempDir(), "made", "by it")
			env := []string{"CHR_URL=" + serve(t, test.path, content(data)), "CHR_SHA256=" + strings.ToUpper(sumOf(data))}
			for range 2 { // the second replaces the first
				code, _, errs := script(t, "fetch", env, append(test.args, "7.24.5", directory)...)
				if code != 0 || strings.Count(errs, "\n") != 1 {
					t.Errorf("exit code %d", code)
				}
				if got, err := os.ReadFile(filepath.Join(directory, test.result)); err != nil || !bytes.Equal(got, disk) {
					t.Errorf("%d bytes arrived of %d, %v", len(got), len(disk), err)
				}
				if version, err := os.ReadFile(filepath.Join(directory, "version")); test.args == nil && (err != nil || string(version) != "7.24.5\n") {
					t.Errorf("version %q, %v", version, err)
				}
				wantFiles(t, directory, 2-len(test.args))
			}
		})
	}
}

func wantFiles(t *testing.T, directory string, n int) {
	t.Helper()
	files, _ := os.ReadDir(directory)
	if len(files) != n {
		t.Errorf("it left %v", files)
	}
}

func TestADownloadThatIsNotWhatWasExpectedIsRefusedInOneLine(t *testing.T) {
	need(t, "curl", "unzip")
	good := zipOf(t, "chr-7.24.5.img", disk)
	damaged := bytes.Clone(good)
	damaged[len(disk)/2] ^= 1
	another := zipOf(t, "readme.txt", disk)
	page := []byte("<!DOCTYPE html><title>Please log in</title>")
	tests := map[string]struct {
		answer http.HandlerFunc
		sum    string
		says   []string
	}{
		"another sum":       {content(good), sumOf(page), []string{"has the SHA-256 " + sumOf(good), "expected " + sumOf(page)}},
		"no sum":            {content(good), "", []string{"has the SHA-256 " + sumOf(good), "set CHR_SHA256=" + sumOf(good), "nothing was installed"}},
		"not there":         {http.NotFound, sumOf(good), []string{"the server says 404", "does this version exist?", chrPath}},
		"forbidden":         {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, sumOf(good), []string{"the server says 403"}},
		"a page":            {content(page), sumOf(page), []string{"is no zip file"}},
		"a page, no sum":    {content(page), "", []string{"is no zip file"}},
		"nothing":           {content(nil), "", []string{"is no zip file"}},
		"damaged":           {content(damaged), sumOf(damaged), []string{"is damaged"}},
		"cut, sum of that":  {content(good[:len(good)/2]), sumOf(good[:len(good)/2]), []string{"is damaged"}},
		"without the image": {content(another), sumOf(another), []string{"holds no chr-7.24.5.img"}},
		"ends early": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			w.Write(good)
		}, sumOf(good), []string{"ended early", "try again"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directory := t.TempDir()
			code, out, errs := script(t, "fetch", []string{"CHR_URL=" + serve(t, chrPath, test.answer), "CHR_SHA256=" + test.sum}, "7.24.5", directory)
			if code != 1 || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "fetch: ") {
				t.Errorf("exit code %d", code)
			}
			for _, text := range test.says {
				if !strings.Contains(errs, text) {
					t.Errorf("it does not say %q", text)
				}
			}
			wantFiles(t, directory, 0)
		})
	}
}

func TestAServerThatIsNotThereIsOneLine(t *testing.T) {
	need(t, "curl", "unzip")
	server := httptest.NewServer(nil)
	url := server.URL
	server.Close()
	code, _, errs := script(t, "fetch", []string{"CHR_URL=" + url, "CHR_SHA256=" + sumOf(nil)}, "7.24.5", t.TempDir())
	if code != 1 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "refuses the connection") {
		t.Errorf("exit code %d", code)
	}
}

func TestAWrongVersionOrSumAsksNobody(t *testing.T) {
	url := serve(t, "/", func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was asked for", r.URL) })
	directory := t.TempDir()
	for _, version := range []string{"", "7", "latest", "7.24.5/../..", "v7.24.5", "7.24.5 ", "7.24.5\n7.1", "7.25rc", "7.24.5;id"} {
		if code, _, errs := script(t, "fetch", []string{"CHR_URL=" + url}, version, directory); code != 2 || !strings.Contains(errs, "is no version of RouterOS") {
			t.Errorf("%q: exit code %d", version, code)
		}
	}
	for _, sum := range []string{"abc", strings.Repeat("g", 64), strings.Repeat("a", 65), "sha256:" + strings.Repeat("a", 57)} {
		if code, _, errs := script(t, "fetch", []string{"CHR_URL=" + url, "CHR_SHA256=" + sum}, "7.24.5", directory); code != 2 || !strings.Contains(errs, "is no SHA-256") {
			t.Errorf("%q: exit code %d", sum, code)
		}
	}
	for _, args := range [][]string{nil, {"7.24.5"}, {"7.24.5", directory, "more"}, {"--packages", "7.24.5"}} {
		if code, _, _ := script(t, "fetch", []string{"CHR_URL=" + url}, args...); code != 2 {
			t.Errorf("%q: exit code %d", args, code)
		}
	}
	wantFiles(t, directory, 0)
}

// Pre-releases and short versions have names of their own.
func TestVersionsThatExist(t *testing.T) {
	need(t, "curl", "unzip")
	for _, version := range []string{"7.21", "7.25rc1", "7.22beta3", "7.24.5"} {
		data := zipOf(t, "chr-"+version+".img", disk)
		url := serve(t, "/routeros/"+version+"/chr-"+version+".img.zip", content(data))
		if code, _, _ := script(t, "fetch", []string{"CHR_URL=" + url, "CHR_SHA256=" + sumOf(data)}, version, t.TempDir()); code != 0 {
			t.Errorf("%s: exit code %d", version, code)
		}
	}
}
