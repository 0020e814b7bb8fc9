import type { Metrics } from '@holdfast/shared/runtime/metrics.ts';

/** The numbers of edge-link's streams, by what a user would ask. */
export function createMeters(metrics: Metrics) {
  return {
    streams: metrics.gauge('holdfast_edge_link_streams', 'Open streams of gateways'),
    credits: metrics.gauge(
      'holdfast_edge_link_credit_bytes',
      'Bytes of blocks that gateways may have in flight',
    ),
    greetingsWaiting: metrics.gauge(
      'holdfast_edge_link_greetings_waiting',
      'Connected gateways that wait to be greeted',
    ),
    blocks: metrics.counter(
      'holdfast_edge_link_blocks_total',
      'Blocks that were appended, repeated or refused',
      ['outcome'],
    ),
    bytes: metrics.counter('holdfast_edge_link_bytes_total', 'Bytes of appended blocks'),
    refused: metrics.counter('holdfast_edge_link_refused_total', 'Refused blocks', ['reason']),
    fenced: metrics.counter('holdfast_edge_link_fenced_total', 'Hellos turned away by a fence'),
    revoked: metrics.counter(
      'holdfast_edge_link_revoked_total',
      'Streams that were refused or ended because their gateway was revoked',
    ),
    appendSeconds: metrics.histogram(
      'holdfast_edge_link_append_seconds',
      'From the append of a batch of blocks to its sync',
      { buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10] },
    ),
  };
}

export type Meters = ReturnType<typeof createMeters>;
