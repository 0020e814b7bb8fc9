import type { Metrics } from '@holdfast/shared/runtime/metrics.ts';

export function createMeters(metrics: Metrics) {
  return {
    connected: metrics.gauge('holdfast_uplink_connected', '1 while blocks may flow to the cloud'),
    blocks: metrics.counter('holdfast_uplink_blocks_total', 'Blocks sent', ['kind']),
    bytes: metrics.counter('holdfast_uplink_bytes_total', 'Bytes of block bodies sent'),
    reconnects: metrics.counter(
      'holdfast_uplink_reconnects_total',
      'Streams opened after the first',
    ),
    refused: metrics.counter('holdfast_uplink_refused_total', 'Blocks that the cloud refused', [
      'reason',
    ]),
    roundTripSeconds: metrics.histogram(
      'holdfast_uplink_round_trip_seconds',
      'From the sending of a block to its acknowledgement',
      { buckets: [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30] },
    ),
  };
}

export type Meters = ReturnType<typeof createMeters>;
