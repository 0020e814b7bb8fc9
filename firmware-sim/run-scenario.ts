import { type DeviceLink, type OutgoingMessage, openDeviceLink } from './link/device-link.ts';
import { newTally, type Summary, summaryOf, type Tally } from './link/tally.ts';
import { payloadOf } from './payload.ts';
import {
  type ColdStoreOptions,
  coldStore,
  coldStoreDevices,
  type Emission,
  type Message,
} from './scenario/cold-store.ts';
import { SCANNER, type Scan, warehouse } from './scenario/warehouse.ts';
import { DRAIN_MS_MAX, type Stage, waitUntil } from './stage.ts';

export const SCENARIOS = ['cold-store'] as const;

export const STOCK_CHOICES = ['with', 'without', 'only'] as const;
export type StockChoice = (typeof STOCK_CHOICES)[number];

export interface RunOptions extends Stage, ColdStoreOptions {
  readonly scenario: (typeof SCENARIOS)[number];
  readonly url: string;
  /** Of the scenario; without it the run ends by the signal. */
  readonly durationMs?: number | undefined;
  /** Part of each device's boot: a gateway takes another run's messages for new ones. */
  readonly runId: string;
  /** Whether a scanner at the dock receives and picks beside the sensors; it may be alone. */
  readonly stock: StockChoice;
  readonly firstConnectMsMax?: number;
  readonly onAcknowledged?: (message: OutgoingMessage) => void;
  readonly tally?: Tally;
}

/** Connections that are being made at the same time. */
const CONNECTING_MAX = 50;
/** After so many messages without a pause the event loop gets its turn. */
const BREATH_EVERY = 256;

/**
 * Runs a scenario in real time, one connection per device. Throws UNAVAILABLE when no broker
 * answers in time; later faults of the broker are waited out.
 */
export async function runScenario(options: RunOptions): Promise<Summary> {
  const tally = options.tally ?? newTally();
  const links = await openLinks(options, tally);
  try {
    await play(options, links);
  } finally {
    await Promise.all([...links.values()].map((link) => link.close(DRAIN_MS_MAX)));
  }
  return summaryOf(tally);
}

async function openLinks(options: RunOptions, tally: Tally): Promise<Map<string, DeviceLink>> {
  const waiting = devicesOf(options);
  const links = new Map<string, DeviceLink>();
  const connectNext = async (): Promise<void> => {
    for (let device = waiting.shift(); device !== undefined; device = waiting.shift()) {
      const link = await openDeviceLink({ ...options, tally, clientId: device, session: 'kept' });
      links.set(device, link);
    }
  };
  const connecting = Array.from({ length: CONNECTING_MAX }, () => connectNext());
  try {
    await Promise.all(connecting);
  } catch (cause) {
    waiting.length = 0;
    await Promise.allSettled(connecting);
    await Promise.all([...links.values()].map((link) => link.close(0)));
    throw cause;
  }
  return links;
}

function devicesOf(options: RunOptions): string[] {
  if (options.stock === 'only') return [SCANNER];
  const sensors = coldStoreDevices(options);
  return options.stock === 'with' ? [...sensors, SCANNER] : sensors;
}

async function play(options: RunOptions, links: ReadonlyMap<string, DeviceLink>): Promise<void> {
  const { clock, signal, durationMs = Number.POSITIVE_INFINITY } = options;
  const startedAtMs = clock.monotonicMs();
  const start: Start = { wallMs: clock.now(), runId: options.runId };
  let count = 0;
  for (const emission of emissionsOf(options)) {
    if (emission.atMs >= durationMs) break;
    await waitUntil(startedAtMs + emission.atMs, { clock, signal });
    if (signal?.aborted) break;
    await perform(emission, links.get(emission.device)!, start);
    if (++count % BREATH_EVERY === 0) await clock.sleep(0);
  }
}

function emissionsOf(options: RunOptions): Generator<Emission | Scan> {
  if (options.stock === 'only') return warehouse(options);
  const sensors = coldStore(options);
  return options.stock === 'with' ? inOrder(sensors, warehouse(options)) : sensors;
}

/** Two endless tellings as one, by time. */
function* inOrder(
  sensors: Generator<Emission>,
  scans: Generator<Scan>,
): Generator<Emission | Scan> {
  let scan = scans.next().value as Scan;
  for (const emission of sensors) {
    for (; scan.atMs <= emission.atMs; scan = scans.next().value as Scan) yield scan;
    yield emission;
  }
}

interface Start {
  readonly wallMs: number;
  readonly runId: string;
}

async function perform(emission: Emission | Scan, link: DeviceLink, start: Start): Promise<void> {
  if (emission.kind === 'cut') return link.cut(emission.awayMs);
  if (emission.kind === 'scan') {
    const topic = `devices/${emission.device}/stock`;
    return link.send({ topic, qos: 1, payload: scanAt(emission, start) });
  }
  const { topic, qos } = emission;
  await link.send({ topic, qos, payload: payloadAt(emission, start) });
}

function payloadAt(message: Message, { wallMs, runId }: Start): string {
  const { value, unit, event, key, clockOffsetMs, atMs } = message;
  // A clock that was never set counts from 1970.
  const startMs = clockOffsetMs === undefined ? 0 : wallMs + clockOffsetMs;
  return payloadOf({
    value,
    unit,
    event,
    ts: new Date(Math.round(startMs + atMs)).toISOString(),
    key: key && { boot: `${runId}-${key.boot}`, seq: key.seq },
  });
}

/** With an id of its own, so that a repeat is recognised wherever it comes from. */
function scanAt({ movement, seq, atMs }: Scan, { wallMs, runId }: Start): string {
  const ts = new Date(Math.round(wallMs + atMs)).toISOString();
  const boot = `${runId}-1`;
  return JSON.stringify({ ...movement, movement: `${runId}-${seq}`, ts, boot, seq });
}
