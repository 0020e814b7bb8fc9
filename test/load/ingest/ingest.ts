import { parseArgs } from 'node:util';
import { seconds, wholeNumber } from '../bench-options.ts';
import type { Bench, Print } from '../bench-shape.ts';
import { busyMachine } from '../busy-machine.ts';
import { align, rowOf, tableOf } from '../figures.ts';
import { PAYLOAD_BYTES_MIN } from '../publisher/payloads.ts';
import { aedes } from '../servers/aedes.ts';
import { holdfast } from '../servers/holdfast.ts';
import { mosquitto, mosquittoAutosave } from '../servers/mosquitto.ts';
import { nats } from '../servers/nats.ts';
import { rabbitmq } from '../servers/rabbitmq.ts';
import type { Server } from '../servers/server.ts';
import { cautionsOf, measuredOf } from './report.ts';
import { type IngestSettings, type Turn, takeTurn } from './turn.ts';

const PEERS: readonly Server[] = [aedes, mosquitto, mosquittoAutosave, nats, rabbitmq];

const OPTIONS = {
  peers: { type: 'string', default: PEERS.map(({ name }) => name).join(',') },
  rounds: { type: 'string', default: '3' },
  seconds: { type: 'string', default: '5' },
  'warm-up': { type: 'string', default: '1' },
  clients: { type: 'string', default: '50' },
  'in-flight': { type: 'string', default: '20' },
  payload: { type: 'string', default: '256' },
  rate: { type: 'string', default: '5000' },
} as const;

/** How fast messages are acknowledged: ours synced to disk before it, the peers' as each does. */
export const ingest: Bench = {
  summary: 'acknowledged messages a second with QoS 1, and latency at a fixed rate',
  help: `npm run bench -- ingest [options]

Publishes with QoS 1 to the gateway and to each peer that is installed, in turns: first at a fixed
rate, then with a window of messages in flight. Each server starts in a fresh temp folder.

  --peers A,B      which peers (default ${OPTIONS.peers.default})
  --rounds N       turns of each server (default 3)
  --seconds S      measured time of each part of a turn (default 5)
  --warm-up S      before it (default 1)
  --clients N      connections (default 50)
  --in-flight N    unacknowledged messages of each (default 20)
  --payload BYTES  (default 256)
  --rate N         messages a second at the fixed rate (default 5000)
`,
  async run(args, print) {
    const { settings, peers } = parse(args);
    const present = [holdfast, ...peers.filter((peer) => peer.version() !== undefined)];
    const busy = busyMachine();
    const turns = await takeTurns(present, settings, print);
    const names = present.map(({ name }) => name);
    const measured = measuredOf(turns, names, settings);
    print.result([
      ...head(present, settings),
      ...absencesOf(peers),
      '',
      ...tableOf(measured, holdfast.name),
      ...[...busy, ...cautionsOf(turns, settings)].map((caution) => `caution: ${caution}`),
      JSON.stringify({ bench: 'ingest', rows: measured.map(rowOf) }),
    ]);
  },
};

async function takeTurns(
  servers: readonly Server[],
  settings: IngestSettings,
  print: Print,
): Promise<Turn[]> {
  const turns: Turn[] = [];
  for (let round = 1; round <= settings.rounds; round++)
    for (const server of servers) {
      const turn = await takeTurn(server, settings);
      const perSecond = Math.round(turn.full.acked / turn.full.seconds);
      const publisher = `publisher ${Math.round(turn.full.cpuShare * 100)} % of a core`;
      print.progress(
        `round ${round}/${settings.rounds} ${server.name}: ${perSecond} msg/s (${publisher}), ` +
          `p99 ${turn.steady.ackP99Ms} ms at the fixed rate`,
      );
      turns.push(turn);
    }
  return turns;
}

function head(servers: readonly Server[], settings: IngestSettings): string[] {
  const { rounds, measureMs, warmUpMs } = settings;
  const times = `${measureMs / 1000} s each after ${warmUpMs / 1000} s of warm-up`;
  return [
    `ingest: ${rounds} rounds in turns, ${times}`,
    '',
    ...align([
      ['server', 'version', 'settings'],
      ...servers.map((server) => [server.name, server.version()!, server.settings]),
    ]),
  ];
}

function absencesOf(peers: readonly Server[]): string[] {
  return peers
    .filter((peer) => peer.version() === undefined)
    .map(({ name, debianPackage }) => `left out: ${name} (Debian: apt install ${debianPackage})`);
}

function parse(args: readonly string[]): { settings: IngestSettings; peers: readonly Server[] } {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const wanted = values.peers.split(',').filter((name) => name !== '');
  const unknown = wanted.find((name) => !PEERS.some((peer) => peer.name === name));
  if (unknown !== undefined)
    throw new Error(`no peer "${unknown}"; there are: ${OPTIONS.peers.default}`);
  return {
    peers: PEERS.filter(({ name }) => wanted.includes(name)),
    settings: {
      rounds: wholeNumber('rounds', values.rounds, { min: 1, max: 100 }),
      measureMs: seconds('seconds', values.seconds),
      warmUpMs: seconds('warm-up', values['warm-up']),
      clients: wholeNumber('clients', values.clients, { min: 1, max: 900 }),
      inFlight: wholeNumber('in-flight', values['in-flight'], { min: 1, max: 10_000 }),
      payloadBytes: wholeNumber('payload', values.payload, {
        min: PAYLOAD_BYTES_MIN,
        max: 64 * 1024,
      }),
      ratePerSecond: wholeNumber('rate', values.rate, { min: 1, max: 100_000 }),
    },
  };
}
