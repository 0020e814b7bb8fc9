import { setTimeout as sleep } from 'node:timers/promises';
import mqtt from 'mqtt';
import type { House } from '../../e2e/house.ts';
import { latest } from '../../e2e/readings.ts';

const DEVICE = 'live-probe';
const METRIC = 'load';
const LOOK_MS = 10;
const CONNECT_MS_MAX = 10_000;
/** After the end, the last readings are still on their way. */
const SETTLE_MS_MAX = 10_000;

export interface LiveLatencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly count: number;
}

export interface LiveProbe {
  /** What was sent from now on counts. */
  measure(): void;
  /** Stops; of what counted, from the publishing to the API's answer. */
  end(): Promise<LiveLatencies>;
}

/** A device that sends a number every `everyMs`, and someone who keeps asking the API for it. */
export async function startLiveProbe(house: House, everyMs: number): Promise<LiveProbe> {
  const url = `mqtt://127.0.0.1:${house.mqttPort}`;
  const options = { clientId: DEVICE, connectTimeout: CONNECT_MS_MAX };
  const client = await mqtt.connectAsync(url, options, false);
  const sentAtMs: number[] = [];
  const tookMs: number[] = [];
  let seen = 0;
  let measuredFrom = Number.POSITIVE_INFINITY;
  let isOver = false;
  const timer = setInterval(() => {
    const value = sentAtMs.push(performance.now());
    client.publish(`devices/${DEVICE}/telemetry/${METRIC}`, JSON.stringify({ value }), { qos: 1 });
  }, everyMs);
  const look = async (): Promise<void> => {
    const readings = await latest(house, DEVICE);
    const value = readings?.get('value')?.value ?? readings?.get(METRIC)?.value ?? 0;
    const nowMs = performance.now();
    for (; seen < value; seen++) if (seen >= measuredFrom) tookMs.push(nowMs - sentAtMs[seen]!);
  };
  const looking = (async () => {
    const deadline = (): number => (isOver ? endedAtMs + SETTLE_MS_MAX : Number.POSITIVE_INFINITY);
    while (!(isOver && seen >= sentAtMs.length) && performance.now() < deadline()) {
      await look();
      await sleep(LOOK_MS);
    }
  })();
  let endedAtMs = 0;
  return {
    measure() {
      measuredFrom = sentAtMs.length;
    },
    async end() {
      clearInterval(timer);
      endedAtMs = performance.now();
      isOver = true;
      await looking;
      await client.endAsync(true);
      // What was never answered took at least until now.
      const from = Math.max(seen, measuredFrom);
      for (const sentAt of sentAtMs.slice(from)) tookMs.push(performance.now() - sentAt);
      return quantiles(tookMs);
    },
  };
}

function quantiles(figures: readonly number[]): LiveLatencies {
  const sorted = figures.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), count: sorted.length };
}
