package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rds-csi/internal/testkit"
)

func TestHealthcheckAsksTheAddressOfTheSameFlags(t *testing.T) {
	answer := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(answer)
		_, _ = w.Write([]byte(r.URL.Path + "\n"))
	}))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	_, port, _ := strings.Cut(address, ":")

	tests := []struct {
		args   []string
		answer int
		code   int
		says   string
	}{
		{[]string{"--metrics-address=" + address}, 200, exitOK, "/livez"},
		{[]string{"--metrics-address=:" + port}, 200, exitOK, "/livez"},
		{[]string{"--health-address=0.0.0.0:" + port, "--metrics-address=:1", "--web.config.file=/no/matter"}, 200, exitOK, "/livez"},
		{[]string{"--ready", "--metrics-address=" + address}, 200, exitOK, "/readyz"},
		{[]string{"--url=" + server.URL + "/else"}, 200, exitOK, "/else"},
		{[]string{"--metrics-address=" + address}, 500, exitFailure, "500 Internal Server Error: /livez"},
		{[]string{"--ready", "--metrics-address=" + address}, 503, exitFailure, "503 Service Unavailable: /readyz"},
		{[]string{"--metrics-address=" + testkit.FreeAddress(t)}, 200, exitFailure, "connection refused"},
		{[]string{"--metrics-address="}, 200, exitFailure, "nobody to ask"},
		{[]string{"--metrics-address=127.0.0.1:0"}, 200, exitFailure, "say --url"},
		{[]string{"--metrics-address=9809"}, 200, exitFailure, "write :9809"},
		{[]string{"--web.config.file=/some/file"}, 200, exitFailure, "give the controller a --health-address"},
		{[]string{"--url=127.0.0.1:9809"}, 200, exitFailure, "--url=127.0.0.1:9809: is no URL; write it whole"},
		{[]string{"--nonsense"}, 200, exitFailure, "-nonsense"},
	}
	for _, test := range tests {
		answer = test.answer
		code, out, errs := invoke(t, append([]string{"healthcheck"}, test.args...)...)
		if code != test.code || !strings.Contains(out+errs, test.says) {
			t.Errorf("%q: exit code %d, %q %q; want %d and %q", test.args, code, out, errs, test.code, test.says)
		}
	}
}
