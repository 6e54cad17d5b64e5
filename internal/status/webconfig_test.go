package status

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// webConfig writes a file that asks for TLS and for the user prometheus with
// the password secret, and returns it with the certificate to trust.
func webConfig(t *testing.T) (file string, roots *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "controller"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, content := range map[string][]byte{
		"cert.pem": certPEM,
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		"web.yml":  fmt.Appendf(nil, "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\nbasic_auth_users:\n  prometheus: %s\n", hash),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	return filepath.Join(dir, "web.yml"), roots
}

func TestWebConfigFileAsksForTLSAndAPasswordExceptOfProbes(t *testing.T) {
	file, roots := webConfig(t)
	s := start(t, Config{HealthAddress: "127.0.0.1:0", WebConfigFile: file, Metrics: metrics, Source: source(connected())})
	secure := &http.Client{Timeout: 20 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	for _, c := range []struct {
		path, user, password string
		code                 int
	}{
		{"/metrics", "", "", 401},
		{"/", "", "", 401},
		{"/livez", "", "", 401},
		{"/metrics", "prometheus", "wrong", 401},
		{"/metrics", "nobody", "secret", 401},
		{"/metrics", "prometheus", "secret", 200},
		{"/", "prometheus", "secret", 200},
		{"/status.json", "prometheus", "secret", 200},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+s.Addr().String()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.user != "" {
			req.SetBasicAuth(c.user, c.password)
		}
		resp, err := secure.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.code {
			t.Errorf("%s as %q: %d, want %d", c.path, c.user, resp.StatusCode, c.code)
		}
	}
	for _, path := range []string{"/livez", "/readyz"} {
		if code, text, _ := ask(t, "GET", "http://"+s.HealthAddr().String()+path); code != 200 {
			t.Errorf("probe %s: %d %s", path, code, text)
		}
	}
	if code, _, _ := ask(t, "GET", "http://"+s.Addr().String()+"/metrics"); code != 400 {
		t.Errorf("plain HTTP on the TLS port: %d", code)
	}
}
