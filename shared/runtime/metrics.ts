import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

type Labels = Record<string, string>;

/** Numbers for /metrics. One name per metric: asking again for a name returns the same metric. */
export interface Metrics {
  counter(
    name: string,
    help: string,
    labelNames?: string[],
  ): { add(value: number, labels?: Labels): void };
  gauge(
    name: string,
    help: string,
    labelNames?: string[],
  ): { set(value: number, labels?: Labels): void };
  histogram(
    name: string,
    help: string,
    options: { labelNames?: string[]; buckets: number[] },
  ): { observe(value: number, labels?: Labels): void };
  /** Prometheus text exposition format 0.0.4. */
  text(): Promise<string>;
}

/**
 * Metrics in a registry of their own, so that two processes' worth of parts can live in one test.
 */
export function createMetrics(options: { processMetrics: boolean }): Metrics {
  const registry = new Registry();
  if (options.processMetrics) collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    counter(name, help, labelNames = []) {
      const counter =
        (registry.getSingleMetric(name) as Counter | undefined) ??
        new Counter({ name, help, labelNames, registers });
      return { add: (value, labels = {}) => counter.inc(labels, value) };
    },
    gauge(name, help, labelNames = []) {
      const gauge =
        (registry.getSingleMetric(name) as Gauge | undefined) ??
        new Gauge({ name, help, labelNames, registers });
      return { set: (value, labels = {}) => gauge.set(labels, value) };
    },
    histogram(name, help, { labelNames = [], buckets }) {
      const histogram =
        (registry.getSingleMetric(name) as Histogram | undefined) ??
        new Histogram({ name, help, labelNames, buckets, registers });
      return { observe: (value, labels = {}) => histogram.observe(labels, value) };
    },
    text: () => registry.metrics(),
  };
}
