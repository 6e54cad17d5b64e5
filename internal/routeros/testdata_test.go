package routeros

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const testNonce = "0123456789abcdef"

// sample reads a recorded reply. Its head says which version and source it comes from; OK-NONCE stands for the sentinel,
// and lines end in CRLF, as on the wire.
func sample(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	body := string(data)
	for strings.HasPrefix(body, "# ") {
		_, body, _ = strings.Cut(body, "\n")
	}
	body = strings.ReplaceAll(body, "OK-NONCE", sentinel(testNonce))
	return strings.ReplaceAll(body, "\n", "\r\n")
}

// nonceOf finds the nonce in a command line that ends in a sentinel.
func nonceOf(t testing.TB, line string) string {
	t.Helper()
	_, nonce, found := strings.Cut(line, `; :put "OK-`)
	if !found {
		t.Fatalf("no sentinel in %q", line)
	}
	return strings.TrimSuffix(nonce, `"`)
}
