import { parseArgs } from 'node:util';
import { VERSION } from '@holdfast/edge/version.ts';
import { wholeNumber } from '../bench-options.ts';
import type { Bench } from '../bench-shape.ts';
import { busyMachine } from '../busy-machine.ts';
import { align, rowOf, tableOf } from '../figures.ts';
import { findProgram, packageVersion } from '../servers/debian.ts';
import { takeRounds } from './rounds.ts';
import { measuredOf } from './rows.ts';

/** The bridge as Debian configures it, and with more messages in flight. */
const PEERS = {
  'mosquitto-bridge': [],
  'mosquitto-bridge-tuned': ['max_inflight_messages 1000'],
} as const satisfies Record<string, readonly string[]>;

const PARTS = ['drain', 'wire', 'slow'] as const;

const OPTIONS = {
  peers: { type: 'string', default: Object.keys(PEERS).join(',') },
  parts: { type: 'string', default: PARTS.join(',') },
  rounds: { type: 'string', default: '1' },
  messages: { type: 'string', default: '1000000' },
  'wire-messages': { type: 'string', default: '100000' },
  'slow-messages': { type: 'string', default: '600000' },
  'slow-seconds': { type: 'string', default: '45' },
} as const;

export interface DrainSettings {
  readonly rounds: number;
  readonly parts: readonly string[];
  readonly messages: number;
  readonly wireMessages: number;
  readonly slowMessages: number;
  readonly slowMs: number;
  /** Configuration lines of each peer. */
  readonly peers: Readonly<Record<string, readonly string[]>>;
}

/** How fast a site's backlog reaches the other end when its line is back. */
export const drain: Bench = {
  summary:
    'how fast a backlog reaches the cloud, what it costs on the wire, and what live data waits',
  help: `npm run bench -- drain [options]

Fills a gateway while the cloud is away, connects it, and waits until the cloud's API answers the
last reading; the peer is a Mosquitto that keeps the same messages for its bridge to another one
with a subscriber. The filling is not measured. Parts: drain (as fast as loopback), wire (the same
over a line that counts bytes), slow (ours over 1 Mbit/s and 200 ms each way).

  --peers A,B          which peers (default ${OPTIONS.peers.default})
  --parts A,B          which parts (default ${OPTIONS.parts.default})
  --rounds N           turns of each (default 1)
  --messages N         of the drain (default 1000000)
  --wire-messages N    of the counting (default 100000)
  --slow-messages N    backlog on the slow line (default 600000)
  --slow-seconds S     measured there (default 45)
`,
  async run(args, print) {
    const { settings, wanted } = parse(args);
    const busy = busyMachine();
    const rounds = await takeRounds(settings, print);
    const measured = measuredOf(rounds, settings);
    print.result([
      ...head(settings, wanted),
      '',
      ...tableOf(measured, 'holdfast'),
      ...busy.map((caution) => `caution: ${caution}`),
      JSON.stringify({ bench: 'drain', rows: measured.map(rowOf) }),
    ]);
  },
};

function head({ rounds, peers }: DrainSettings, wanted: readonly string[]): string[] {
  const version = `mosquitto ${packageVersion('mosquitto')}`;
  const lines = Object.entries(peers).map(([name, settings]) => [
    name,
    version,
    ['QoS 1, persistence, cleansession false, no queue limit', ...settings].join(', '),
  ]);
  const ours = [
    'holdfast',
    `${VERSION} on Node ${process.versions.node}`,
    'defaults; acknowledged',
  ];
  const absent = wanted.filter((name) => !(name in peers));
  return [
    `drain: ${rounds} rounds in turns`,
    ...align([ours, ...lines]),
    ...absent.map((name) => `left out: ${name} (Debian: apt install mosquitto mosquitto-clients)`),
  ];
}

function parse(args: readonly string[]): { settings: DrainSettings; wanted: readonly string[] } {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const wanted = listed('peers', values.peers, Object.keys(PEERS));
  const installed = findProgram('mosquitto') && findProgram('mosquitto_sub');
  const peers = Object.entries(PEERS).filter(([name]) => installed && wanted.includes(name));
  const many = { min: 1_000, max: 10_000_000 };
  const settings = {
    rounds: wholeNumber('rounds', values.rounds, { min: 1, max: 100 }),
    parts: listed('parts', values.parts, PARTS),
    messages: wholeNumber('messages', values.messages, many),
    wireMessages: wholeNumber('wire-messages', values['wire-messages'], many),
    slowMessages: wholeNumber('slow-messages', values['slow-messages'], many),
    slowMs: wholeNumber('slow-seconds', values['slow-seconds'], { min: 5, max: 600 }) * 1_000,
    peers: Object.fromEntries(peers),
  };
  return { settings, wanted };
}

function listed(option: string, text: string, known: readonly string[]): string[] {
  const names = text.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  throw new Error(`--${option} has no "${unknown}"; there are: ${known.join(', ')}`);
}
