import type { Measured } from '../figures.ts';
import type { DrainSettings } from './drain.ts';
import { type PeerFigures, type Round, SLOW_LINE } from './rounds.ts';

/** What it measures, and its unit. */
type Name = readonly [string, string];
type Ours = (round: Round) => number | undefined;
type Theirs = (figures: PeerFigures) => number | undefined;

/** What the rounds say, measure by measure; what no round measured is left out. */
export function measuredOf(rounds: readonly Round[], settings: DrainSettings): Measured[] {
  const { messages, wireMessages } = settings;
  const names = Object.keys(settings.peers);
  const row = ([measure, unit]: Name, ours: Ours, theirs: Theirs = none): Measured => ({
    measure,
    unit,
    ours: present(rounds.map(ours)),
    peers: Object.fromEntries(
      names
        .map((name) => [name, present(rounds.map(({ peers }) => theirs(peers[name]!)))] as const)
        .filter(([, figures]) => figures.length > 0),
    ),
  });
  const bridge: Theirs = ({ drain }) => drain && messages / drain.seconds;
  return [
    row(
      [`drain of ${messages}, until the API answers`, 'msg/s'],
      ({ drain }) => drain && drain.messages / drain.answeredSeconds,
      bridge,
    ),
    row(
      [`drain of ${messages}, to the cloud's disk`, 'msg/s'],
      ({ drain }) => drain && drain.messages / drain.diskSeconds,
      bridge,
    ),
    row(['live end to end while draining, p50', 'ms'], ({ drain }) => drain?.live.p50Ms),
    row(['live end to end while draining, p99', 'ms'], ({ drain }) => drain?.live.p99Ms),
    row(
      ['fdatasync of 4 KiB before the drain, p99', 'ms'],
      ({ drain }) => drain?.disk.p99Ms,
      ({ drain }) => drain?.disk.p99Ms,
    ),
    row(
      [`on the wire, of ${wireMessages}`, 'B/msg'],
      ({ wire }) => wire && wire.wireBytes / wire.messages,
      ({ wire }) => wire && wire.wireBytes / wireMessages,
    ),
    row(
      ['share of 1 Mbit/s, 200 ms each way', '%'],
      ({ slow }) => slow && (100 * slow.upBytesPerSecond) / SLOW_LINE.bytesPerSecond,
    ),
    row(['live end to end on that line, p50', 'ms'], ({ slow }) => slow?.live.p50Ms),
    row(['live end to end on that line, p99', 'ms'], ({ slow }) => slow?.live.p99Ms),
  ].filter(({ ours }) => ours.length > 0);
}

const none: Theirs = () => undefined;

function present(figures: readonly (number | undefined)[]): number[] {
  return figures.filter((figure) => figure !== undefined);
}
