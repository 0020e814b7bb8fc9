import type { DiskFigures } from '../disk-probe.ts';
import type { Measured } from '../figures.ts';
import type { BufferRunResult } from './buffer-run.ts';
import type { Sample } from './memory.ts';
import type { StartTimes } from './starts.ts';

const MB = 1e6;
/** Within this much of the lowest, memory is flat. */
const FLAT_SHARE = 0.1;
const BEHIND = 0.95;

/** One run of the buffer alone, and what it stood for. */
export interface NamedRun {
  readonly load: string;
  readonly perSecond: number;
  readonly commitWindowMs: number;
  readonly result: BufferRunResult;
  readonly disk: DiskFigures;
}

export interface Figures {
  readonly perSecond: number;
  readonly payloadBytes: number;
  readonly samples: readonly Sample[];
  readonly starts: readonly StartTimes[];
  readonly outages: readonly NamedRun[];
  readonly writes: readonly NamedRun[];
  readonly months: readonly NamedRun[];
}

export function measuredOf(figures: Figures): Measured[] {
  return [
    ...memoryRows(figures),
    ...writeRows(figures),
    ...figures.outages.flatMap(outageRows),
    ...startRows(figures),
    ...figures.months.flatMap(monthRows),
  ];
}

function memoryRows({ samples, perSecond }: Figures): Measured[] {
  const [lowest] = samples;
  return samples.flatMap((sample) => [
    {
      measure: memoryAt(sample.backlog, perSecond),
      unit: 'MB',
      ours: [sample.peakBytes / MB],
      peers: { [`at ${count(lowest!.backlog)}`]: [lowest!.peakBytes / MB] },
    },
    probeRow('before it', sample.disk),
  ]);
}

function memoryAt(backlog: number, perSecond: number): string {
  return `resident memory at ${count(backlog)} messages of backlog, ${perSecond} msg/s`;
}

function writeRows({ samples, writes, perSecond, payloadBytes }: Figures): Measured[] {
  const last = samples.at(-1);
  const gateway: Measured[] = last
    ? [
        {
          measure: `written ÷ accepted bytes, ${perSecond} msg/s, ${payloadBytes} B of random text`,
          unit: '×',
          ours: samples.map((sample) => sample.writtenBytes / sample.acceptedBytes),
          peers: {},
        },
      ]
    : [];
  return [
    ...gateway,
    ...writes.flatMap(({ load, perSecond, commitWindowMs, result, disk }) => [
      {
        measure:
          `written ÷ accepted bytes, ${perSecond} msg/s, ${load}, ` +
          `commitWindowMs ${commitWindowMs}`,
        unit: '×',
        ours: [result.writtenBytes / result.acceptedBytes],
        peers: {},
      },
      probeRow('before it', disk),
    ]),
  ];
}

function outageRows({ load, perSecond, result, disk }: NamedRun): Measured[] {
  const hours = Number((result.messages / perSecond / 3600).toFixed(1));
  const what = `outage of ${hours} h at ${perSecond} msg/s on disk, ${load}`;
  return [
    {
      measure: what,
      unit: 'MB',
      ours: [result.diskBytes / MB],
      peers: { 'payload bytes': [result.acceptedBytes / MB] },
    },
    {
      measure: `${what}, per message`,
      unit: 'B',
      ours: [result.diskBytes / result.messages],
      peers: { 'payload bytes': [result.acceptedBytes / result.messages] },
    },
    probeRow('before it', disk),
  ];
}

function startRows({ starts, samples }: Figures): Measured[] {
  if (starts.length === 0) return [];
  const backlog = count(samples.at(-1)?.backlog ?? 0);
  return [
    {
      measure: `start after a kill, ${backlog} messages of backlog, to the first PUBACK`,
      unit: 'ms',
      ours: starts.map(({ backlogMs }) => backlogMs),
      peers: { 'empty start': starts.map(({ emptyMs }) => emptyMs) },
    },
    { ...probeRow('before it', starts[0]!.disk), ours: starts.map(({ disk }) => disk.perSecond) },
  ];
}

function monthRows({ load, result, disk }: NamedRun): Measured[] {
  const { fills, drains } = result;
  const times = `${fills.length} fills of ${count(result.messages / fills.length)}, ${load}`;
  return [
    {
      measure: `the file when full, last of ${times}`,
      unit: 'MB',
      ours: [fills.at(-1)! / MB],
      peers: { 'first fill': [fills[0]! / MB] },
    },
    {
      measure: `the file when drained, last of ${times}`,
      unit: 'MB',
      ours: [drains.at(-1)! / MB],
      peers: { 'last fill': [fills.at(-1)! / MB] },
    },
    probeRow('before it', disk),
  ];
}

function probeRow(when: string, disk: DiskFigures): Measured {
  return {
    measure: `  fdatasync of 4 KiB ${when}`,
    unit: '1/s',
    ours: [disk.perSecond],
    peers: {},
  };
}

/** What a reader must know before believing a figure. */
export function cautionsOf({ samples, perSecond }: Figures): string[] {
  const late = samples.filter((sample) => sample.perSecond < perSecond * BEHIND);
  return late.map(
    ({ backlog, perSecond: reached }) =>
      `at ${count(backlog)} of backlog only ${Math.round(reached)} msg/s were accepted`,
  );
}

/** A sentence on the spread of resident memory over all samples. */
export function flatLines(samples: readonly Sample[]): string[] {
  if (samples.length < 2) return [];
  const peaks = samples.map(({ peakBytes }) => peakBytes);
  const lowest = Math.min(...peaks);
  const spread = (Math.max(...peaks) - lowest) / lowest;
  const verdict = spread <= FLAT_SHARE ? 'flat' : 'not flat';
  return [`resident memory is ${verdict}: its samples differ by ${(spread * 100).toFixed(1)} %`];
}

/** `9.98 M`, `100 k`, `0`. */
export function count(messages: number): string {
  if (messages >= 999_500) return `${Number((messages / 1e6).toPrecision(3))} M`;
  if (messages >= 1_000) return `${Number((messages / 1e3).toPrecision(3))} k`;
  return String(messages);
}
