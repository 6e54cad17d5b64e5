package otelx

import (
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// rpcDuration is the instrument of the gRPC instrumentation (otelgrpc), which
// makes it on MeterProvider.
const rpcDuration = "rpc.server.call.duration"

// rpcView gives it the help and the buckets of the catalog. error.type is left
// out: it repeats the status code, on some series and not on others.
func rpcView() sdkmetric.View {
	b := &builder{}
	info := b.info(nameRPCDuration, TypeHistogram)
	return sdkmetric.NewView(sdkmetric.Instrument{Name: rpcDuration}, sdkmetric.Stream{
		Description:     info.Help,
		Aggregation:     sdkmetric.AggregationExplicitBucketHistogram{Boundaries: info.Buckets},
		AttributeFilter: attribute.NewDenyKeysFilter(semconv.ErrorTypeKey),
	})
}
