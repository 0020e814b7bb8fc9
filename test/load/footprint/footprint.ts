import { parseArgs } from 'node:util';
import { seconds, wholeNumber } from '../bench-options.ts';
import type { Bench } from '../bench-shape.ts';
import { busyMachine } from '../busy-machine.ts';
import { rowOf, tableOf } from '../figures.ts';
import { PAYLOAD_BYTES_MIN } from '../publisher/payloads.ts';
import { holdfast } from '../servers/holdfast.ts';
import type { FootprintSettings, Part } from './footprint-settings.ts';
import { PARTS } from './footprint-settings.ts';
import { assertLinux } from './process-figures.ts';
import { cautionsOf, flatLines, measuredOf } from './report.ts';
import { takeFigures } from './take-figures.ts';

const OPTIONS = {
  parts: { type: 'string', default: PARTS.join(',') },
  backlog: { type: 'string', default: '10000000' },
  rate: { type: 'string', default: '5000' },
  payload: { type: 'string', default: '256' },
  seconds: { type: 'string', default: '10' },
  rounds: { type: 'string', default: '3' },
  hours: { type: 'string', default: '72' },
  fills: { type: 'string', default: '30' },
  'fill-messages': { type: 'string', default: '50000' },
  messages: { type: 'string', default: '50000' },
  steady: { type: 'boolean', default: false },
} as const;

/** What the gateway takes of a machine: memory, disk, flash wear and time to start. */
export const footprint: Bench = {
  summary: 'memory, disk, bytes written and start, with a backlog of up to 10 M messages',
  help: `npm run bench -- footprint [options]

Linux only: it reads /proc. The gateway is enrolled and its cloud does not answer.

  memory  fills one gateway at full speed to 0, 1 %, 10 % and all of the backlog; at each, the fixed
          rate comes in, and the peak of its resident memory is read (VmHWM, reset before)
  start   kills that gateway under load, and times its start to the first PUBACK; beside it an empty
          one. Needs memory
  writes  bytes that the kernel wrote for the process (/proc/PID/io) ÷ payload bytes: the buffer
          alone at 10 msg/s on a simulated clock and at the fixed rate on the real one
  outage  what an outage of 72 h at 10 msg/s takes on disk: the buffer alone on a simulated clock,
          one message per commit, in memory-backed files where the machine has them
  month   fills the buffer and drains it, again and again

  The buffer alone gets the simulator's cold store, and with HOLDFAST_DATA=FOLDER its recordings.

  --parts A,B         which of them (default ${OPTIONS.parts.default})
  --backlog N         (default ${OPTIONS.backlog.default})
  --rate N            the fixed rate, messages a second (default ${OPTIONS.rate.default})
  --steady            memory fills at the fixed rate, too: 10 M messages take 33 minutes
  --payload BYTES     random text, for memory and start (default ${OPTIONS.payload.default})
  --seconds S         one window of memory (default ${OPTIONS.seconds.default})
  --rounds N          starts (default ${OPTIONS.rounds.default})
  --hours H           of the outage (default ${OPTIONS.hours.default})
  --messages N        of each run of writes (default ${OPTIONS.messages.default})
  --fills N           of the month (default ${OPTIONS.fills.default})
  --fill-messages N   of one fill (default ${OPTIONS['fill-messages'].default})
`,
  async run(args, print) {
    assertLinux();
    const settings = parse(args);
    const busy = busyMachine();
    const figures = await takeFigures(settings, print);
    const measured = measuredOf(figures);
    print.result([
      `footprint of ${holdfast.version()}`,
      'memory: peak of VmHWM within each window; written: write_bytes of /proc/PID/io',
      '',
      ...tableOf(measured, holdfast.name),
      ...flatLines(figures.samples),
      ...[...busy, ...cautionsOf(figures)].map((caution) => `caution: ${caution}`),
      JSON.stringify({ bench: 'footprint', rows: measured.map(rowOf) }),
    ]);
  },
};

function parse(args: readonly string[]): FootprintSettings {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const number = (name: Exclude<keyof typeof OPTIONS, 'steady'>, max: number): number =>
    wholeNumber(name, values[name], { min: 1, max });
  return {
    parts: partsOf(values.parts),
    backlog: number('backlog', 100_000_000),
    perSecond: number('rate', 100_000),
    isSteady: values.steady,
    payloadBytes: wholeNumber('payload', values.payload, {
      min: PAYLOAD_BYTES_MIN,
      max: 64 * 1024,
    }),
    windowMs: seconds('seconds', values.seconds),
    rounds: number('rounds', 100),
    outageHours: hours(values.hours),
    writeMessages: number('messages', 10_000_000),
    fills: number('fills', 1_000),
    fillMessages: number('fill-messages', 10_000_000),
    recordings: process.env['HOLDFAST_DATA'] || undefined,
  };
}

function partsOf(text: string): ReadonlySet<Part> {
  const names = text.split(',').filter((name) => name !== '');
  const parts = names.map((name) => PARTS.find((part) => part === name) ?? name);
  const unknown = parts.find((part) => !PARTS.includes(part as Part));
  if (unknown !== undefined) throw new Error(`no part "${unknown}"; there are: ${PARTS.join(',')}`);
  return new Set(parts as Part[]);
}

function hours(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1_000) return value;
  throw new Error(`--hours is a number up to 1000, not "${text}"`);
}
