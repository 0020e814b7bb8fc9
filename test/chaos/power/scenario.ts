import { join } from 'node:path';
import { type Random, seededRandom } from '@holdfast/shared/runtime/random.ts';
import mqtt from 'mqtt';
import { eventually } from '../../e2e/eventually.ts';
import { type House, prepareHouse } from '../../e2e/house.ts';
import { type Load, startLoad } from '../kill/load.ts';
import { MARKS_FILE, type Marker, openMarks, WATCHER, WATCHER_TOPIC } from './marks.ts';

/**
 * The life that is recorded: from the first file of both processes on, with enrolment, load of
 * every kind, a subscriber that keeps its session, kills, stops and outages of the cloud. It runs
 * as a process of its own under the tracer and takes its settings from the command line.
 */
export interface ScenarioOptions {
  readonly seed: number;
  readonly eventCount: number;
  /** Preloaded by the traced gateway and the traced cloud: a planted bug. */
  readonly preload?: string;
}

const CLIENTS_MAX = 6;
const SHARES = [0.05, 0.3, 1];
const PAUSE_MS_MAX = 900;
const ANSWERED_EVERY_MS = 300;
const SETTLE_TIMEOUT_MS = 15_000;
const SCENARIO_MS_MAX = 120_000;

const EVENTS = [
  'kill-gateway',
  'stop-gateway',
  'kill-cloud',
  'stop-cloud',
  'kill-both',
  'outage',
  'nothing',
] as const;

async function main(options: ScenarioOptions): Promise<void> {
  const random = seededRandom(options.seed);
  const env: Record<string, string> = options.preload
    ? { NODE_OPTIONS: `--import ${options.preload}` }
    : {};
  const house = await prepareHouse({ env: { HOLDFAST_LOG_LEVEL: 'warn', ...env } });
  const mark = openMarks(join(house.dir, MARKS_FILE));
  const load = startLoad({
    port: house.mqttPort,
    clientCount: 1 + random.int(CLIENTS_MAX),
    random: seededRandom(options.seed + 1),
    share: SHARES[random.int(SHARES.length)]!,
    onSent: ({ acknowledged: _, topic: __, ...message }) => mark({ kind: 'sent', message }),
    onAcknowledged: ({ device, id }) => mark({ kind: 'acknowledged', device, id }),
  });
  const watcher = startWatcher(house, mark);
  let answering: NodeJS.Timeout | undefined;
  try {
    await begin(house, random, mark);
    answering = setInterval(() => void noteAnswers(house, mark), ANSWERED_EVERY_MS);
    for (let value = 1; value <= options.eventCount; value++) {
      publishRetained(watcher, value, mark);
      await event(house, random);
    }
    await conclude(house, load);
    await noteAnswers(house, mark);
  } finally {
    clearInterval(answering);
    mark({ kind: 'finished' });
    await house.close();
  }
}

/** With or without messages that the gateway kept before it was enrolled. */
async function begin(house: House, random: Random, mark: Marker): Promise<void> {
  if (random.int(2) === 0) {
    house.gateway.start();
    await house.gatewayReady();
  }
  house.cloud.start();
  await house.cloudReady();
  const claim = await house.claim();
  mark({ kind: 'claimed', claim });
  const done = await house.gatewayCli('enroll', claim, '--cloud', https(house.cloudUrl));
  if (done.code !== 0) throw new Error(`enroll failed: ${done.stderr}`);
  mark({ kind: 'enrolled' });
  await house.gateway.stop();
  house.gateway.start();
  await house.gatewayReady();
}

const https = (url: string): string => url.replace('http:', 'https:');

async function event(house: House, random: Random): Promise<void> {
  const pause = () => new Promise((resolve) => setTimeout(resolve, random.int(PAUSE_MS_MAX)));
  const { gateway, cloud } = house;
  await pause();
  switch (EVENTS[random.int(EVENTS.length)]!) {
    case 'kill-gateway':
      await gateway.kill();
      break;
    case 'stop-gateway':
      await gateway.stop();
      break;
    case 'kill-cloud':
      await cloud.kill();
      break;
    case 'stop-cloud':
      await cloud.stop();
      break;
    case 'kill-both':
      await Promise.all([gateway.kill(), cloud.kill()]);
      break;
    case 'outage':
      await cloud.stop();
      await pause();
      await pause();
      break;
    case 'nothing':
      break;
  }
  await startWhatIsDown(house);
}

async function startWhatIsDown({ gateway, cloud, ...house }: House): Promise<void> {
  if (!cloud.running) cloud.start();
  if (!gateway.running) gateway.start();
  await house.cloudReady();
  await house.gatewayReady();
}

/** The last crash points lie where everything is delivered. */
async function conclude(house: House, load: Load): Promise<void> {
  await load.settle();
  await eventually(
    'everything pending to be delivered',
    async () => {
      const answer = await fetch(`${house.pagesUrl}/v1/status`);
      const { lanes } = (await answer.json()) as { lanes: { pending: number }[] };
      return lanes.every(({ pending }) => pending === 0);
    },
    SETTLE_TIMEOUT_MS,
  ).catch(() => {}); // A planted bug may keep it from draining; the trace is of use all the same.
}

interface GatewaysPage {
  readonly items: readonly { lanes: readonly { lane: string; cloud: { held: number } }[] }[];
}

/** What the API told before the power cut it must tell after it. */
async function noteAnswers(house: House, mark: Marker): Promise<void> {
  // While the cloud is down, or has not heard of the gateway yet, nothing was told.
  const page = await house.json<GatewaysPage>('/v1/gateways').catch(() => undefined);
  const lanes = page?.items[0]?.lanes ?? [];
  if (lanes.length === 0) return;
  mark({
    kind: 'answered',
    held: Object.fromEntries(lanes.map(({ lane, cloud }) => [lane, cloud.held])),
  });
}

/** A client that keeps its session: its subscription and its queue are on the gateway's disk. */
function startWatcher(house: House, mark: Marker): mqtt.MqttClient {
  const watcher = mqtt.connect({
    host: '127.0.0.1',
    port: house.mqttPort,
    clientId: WATCHER,
    clean: false,
    reconnectPeriod: 100,
    resubscribe: false,
  });
  watcher.on('error', () => {}); // A killed gateway refuses connections: the client tries again.
  watcher.on('connect', ({ sessionPresent }) => {
    if (sessionPresent) return;
    watcher.subscribe('devices/+/event', { qos: 1 }, (error) => {
      if (!error) mark({ kind: 'subscribed' });
    });
  });
  return watcher;
}

function publishRetained(watcher: mqtt.MqttClient, value: number, mark: Marker): void {
  const message = { device: WATCHER, id: value, qos: 1, keyed: true } as const;
  mark({ kind: 'sent', message });
  const payload = JSON.stringify({ value, boot: 'only', seq: value });
  watcher.publish(WATCHER_TOPIC, payload, { qos: 1, retain: true }, (error) => {
    if (error) return; // The client ends: nothing was promised.
    mark({ kind: 'acknowledged', device: WATCHER, id: value });
    mark({ kind: 'retained', value });
  });
}

// Nothing here outlives the scenario: what the clients still wait for is of no interest.
const end = (code: number) => process.exit(code);
setTimeout(() => end(1), SCENARIO_MS_MAX).unref();
await main(JSON.parse(process.argv[2]!) as ScenarioOptions).then(
  () => end(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    end(1);
  },
);
