import { setTimeout as sleep } from 'node:timers/promises';
import { type DiskFigures, probeDisk } from '../disk-probe.ts';
import type { Ground, Started } from '../ground.ts';
import type { LoadShape } from '../publisher/load-shape.ts';
import { runPublisher } from '../publisher/run-publisher.ts';
import type { OfflineGateway } from './gateway.ts';
import { diskBytes, peakBytes, resetPeak, writtenBytes } from './process-figures.ts';

const CLIENTS = 50;
const IN_FLIGHT = 20;
/** After a fill at full speed the fixed rate runs so long before a window, or as long as one. */
const WARM_UP_MS_MAX = 5_000;
/** One run of the publisher at full speed; the backlog is looked at after each. */
const FILL_MS = 5_000;
const STEADY_FILL_MS = 60_000;
/** The publisher's process needs a moment to start and connect. */
const START_MS = 1_000;
const PROBE_MS = 500;

/** What one gateway did while the fixed rate came in, with so much backlog on its disk. */
export interface Sample {
  readonly backlog: number;
  /** The highest resident memory within the window. */
  readonly peakBytes: number;
  readonly acceptedBytes: number;
  readonly writtenBytes: number;
  readonly perSecond: number;
  readonly diskBytes: number;
  readonly disk: DiskFigures;
}

export interface SampleSettings {
  /** Messages of backlog at which a sample is taken, ascending. */
  readonly levels: readonly number[];
  readonly perSecond: number;
  /** Filled at that rate, too; else as fast as the gateway takes it. */
  readonly isSteady: boolean;
  readonly payloadBytes: number;
  readonly windowMs: number;
}

interface Place {
  readonly ground: Ground;
  readonly gateway: OfflineGateway;
  readonly started: Started;
}

/** Fills one running gateway from level to level, and takes a sample at each. */
export async function sampleLevels(
  place: Place,
  settings: SampleSettings,
  sampled: (sample: Sample) => void,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const level of settings.levels) {
    await fill(place, level, settings);
    const sample = await takeSample(place, settings);
    sampled(sample);
    samples.push(sample);
  }
  return samples;
}

async function fill({ ground, gateway }: Place, level: number, settings: SampleSettings) {
  const { payloadBytes, perSecond, isSteady } = settings;
  const pace = isSteady
    ? ({ kind: 'rate', perSecond } as const)
    : ({ kind: 'window', inFlight: IN_FLIGHT } as const);
  const fillMs = isSteady ? STEADY_FILL_MS : FILL_MS;
  let perMs = isSteady ? perSecond / 1000 : 0;
  for (;;) {
    const missing = level - (await gateway.accepted());
    if (missing <= 0) return;
    // The last stretch as long as the speed so far says, so that no level is far exceeded.
    const measureMs = perMs === 0 ? FILL_MS / 10 : Math.min(fillMs, missing / perMs + 1);
    const shape = { ...shapeOf(gateway, payloadBytes), warmUpMs: 1, measureMs };
    const { ackedInAll } = await runPublisher(ground, { ...shape, pace });
    if (ackedInAll === 0) throw new Error('the gateway acknowledges nothing');
    perMs = ackedInAll / measureMs;
  }
}

async function takeSample(place: Place, settings: SampleSettings): Promise<Sample> {
  const { ground, gateway, started } = place;
  const { windowMs, payloadBytes, perSecond } = settings;
  const disk = probeDisk(ground.dir, PROBE_MS);
  const warmUpMs = START_MS + Math.min(WARM_UP_MS_MAX, windowMs);
  const publishing = runPublisher(ground, {
    ...shapeOf(gateway, payloadBytes),
    warmUpMs,
    measureMs: windowMs,
    pace: { kind: 'rate', perSecond },
  });
  // It fails the sample when it is awaited below.
  publishing.catch(() => {});
  await sleep(warmUpMs);
  const before = await countersOf(gateway, started);
  resetPeak(started.pid);
  await sleep(windowMs);
  const peak = peakBytes(started.pid);
  const after = await countersOf(gateway, started);
  await publishing;
  const accepted = after.accepted - before.accepted;
  return {
    backlog: before.accepted,
    peakBytes: peak,
    acceptedBytes: accepted * payloadBytes,
    writtenBytes: after.written - before.written,
    perSecond: accepted / ((after.atMs - before.atMs) / 1000),
    diskBytes: diskBytes(gateway.dataDir),
    disk,
  };
}

async function countersOf(gateway: OfflineGateway, started: Started) {
  const accepted = await gateway.accepted();
  return { accepted, written: writtenBytes(started.pid), atMs: performance.now() };
}

function shapeOf(gateway: OfflineGateway, payloadBytes: number): Omit<LoadShape, 'pace'> {
  return { port: gateway.mqttPort, clients: CLIENTS, payloadBytes, warmUpMs: 0, measureMs: 0 };
}
