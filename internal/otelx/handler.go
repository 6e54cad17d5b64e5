package otelx

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Limits of /metrics: a scrape takes milliseconds, so what reaches them is a
// broken client.
const (
	maxScrapes    = 8
	scrapeTimeout = 10 * time.Second
)

// newHandler serves the registry. Exemplars need OpenMetrics. Where part of the
// metrics cannot be gathered the rest is served: it matters most when something
// is broken.
func newHandler(registry *prometheus.Registry, log *errorHandler) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics:   true,
		ErrorHandling:       promhttp.ContinueOnError,
		ErrorLog:            log,
		Registry:            registry,
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTimeout,
	})
}
