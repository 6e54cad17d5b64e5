package otelx

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// builder makes instruments from the catalog and collects the errors.
type builder struct {
	meter metric.Meter
	errs  []error
}

// info finds the catalog's entry.
func (b *builder) info(name, kind string) MetricInfo {
	for _, i := range catalog {
		if i.Name == name && i.Type == kind {
			return i
		}
	}
	b.errs = append(b.errs, fmt.Errorf("%s is not in the catalog as a %s", name, kind))
	return MetricInfo{Name: name}
}

func (b *builder) check(name string, err error) {
	if err != nil {
		b.errs = append(b.errs, fmt.Errorf("instrument %s: %w", name, err))
	}
}

func (b *builder) err() error { return errors.Join(b.errs...) }

// values identifies a series by the values of its labels, in the catalog's
// order; there are at most two.
type values [2]string

// series lists every combination of the labels' values, with its attributes.
func series(labels []Label) map[values]attribute.Set {
	all := map[values][]attribute.KeyValue{{}: nil}
	for i, l := range labels {
		next := make(map[values][]attribute.KeyValue)
		for key, attrs := range all {
			for _, v := range l.Values {
				key[i] = v
				next[key] = append(attrs[:len(attrs):len(attrs)], attribute.String(l.Name, v))
			}
		}
		all = next
	}
	sets := make(map[values]attribute.Set, len(all))
	for key, attrs := range all {
		sets[key] = attribute.NewSet(attrs...)
	}
	return sets
}

// fallback replaces the values that are not in the closed lists, so that
// nothing from outside can become a new series.
func fallback[T any](known map[values]T, labels []Label, key values) values {
	if _, ok := known[key]; ok {
		return key
	}
	for i, l := range labels {
		found := false
		for _, v := range l.Values {
			found = found || v == key[i]
		}
		if !found {
			key[i] = l.Values[len(l.Values)-1]
		}
	}
	return key
}

// counter counts in series that all exist from the start: increase() over a
// counter that is first seen at 3 gives 0.
//
// Options are kept as slices and spread at the call, which allocates nothing.
type counter struct {
	inst    metric.Int64Counter
	labels  []Label
	options map[values][]metric.AddOption
}

func (b *builder) counter(name string) *counter {
	info := b.info(name, TypeCounter)
	inst, err := b.meter.Int64Counter(name, metric.WithDescription(info.Help), metric.WithUnit(info.Unit))
	b.check(name, err)
	c := &counter{inst: inst, labels: info.Labels, options: make(map[values][]metric.AddOption)}
	for key, set := range series(info.Labels) {
		c.options[key] = []metric.AddOption{metric.WithAttributeSet(set)}
		c.inst.Add(context.Background(), 0, c.options[key]...)
	}
	return c
}

// add counts one. ctx carries the span of the exemplar.
func (c *counter) add(ctx context.Context, key values) {
	c.inst.Add(ctx, 1, c.options[fallback(c.options, c.labels, key)]...)
}

// histogram appears with its first value; OpenTelemetry cannot make it before.
type histogram struct {
	inst    metric.Float64Histogram
	labels  []Label
	options map[values][]metric.RecordOption
}

func (b *builder) histogram(name string) *histogram {
	info := b.info(name, TypeHistogram)
	inst, err := b.meter.Float64Histogram(name, metric.WithDescription(info.Help), metric.WithUnit(info.Unit),
		metric.WithExplicitBucketBoundaries(info.Buckets...))
	b.check(name, err)
	h := &histogram{inst: inst, labels: info.Labels, options: make(map[values][]metric.RecordOption)}
	for key, set := range series(info.Labels) {
		h.options[key] = []metric.RecordOption{metric.WithAttributeSet(set)}
	}
	return h
}

func (h *histogram) record(ctx context.Context, value float64, key values) {
	h.inst.Record(ctx, value, h.options[fallback(h.options, h.labels, key)]...)
}

// Gauges are observable: a synchronous one would keep the series of an old
// address for the life of the process.

func (b *builder) intGauge(name string) metric.Int64ObservableGauge {
	info := b.info(name, TypeGauge)
	inst, err := b.meter.Int64ObservableGauge(name, metric.WithDescription(info.Help), metric.WithUnit(info.Unit))
	b.check(name, err)
	return inst
}

func (b *builder) floatGauge(name string) metric.Float64ObservableGauge {
	info := b.info(name, TypeGauge)
	inst, err := b.meter.Float64ObservableGauge(name, metric.WithDescription(info.Help), metric.WithUnit(info.Unit))
	b.check(name, err)
	return inst
}
