import type { Measured } from '../figures.ts';
import type { IngestSettings, Turn } from './turn.ts';

/** The bare disk, as a peer of the latencies. */
export const DISK = 'fdatasync-4k';
/** From here on the publisher may have been the slower one. */
const BUSY_PUBLISHER = 0.9;
const BEHIND = 0.95;

type Figure = (turn: Turn) => number;

/** What the turns say, measure by measure. The first name is ours. */
export function measuredOf(
  turns: readonly Turn[],
  names: readonly string[],
  settings: IngestSettings,
): Measured[] {
  const [ours = '', ...peers] = names;
  const of = (name: string, figure: Figure): number[] =>
    turns.filter(({ server }) => server === name).map(figure);
  const measured = (measure: string, unit: string, figure: Figure): Measured => ({
    measure,
    unit,
    ours: of(ours, figure),
    peers: Object.fromEntries(peers.map((name) => [name, of(name, figure)])),
  });
  const besideDisk = (row: Measured, disk: Figure): Measured => ({
    ...row,
    peers: { ...row.peers, [DISK]: of(ours, disk) },
  });
  const { clients, inFlight, payloadBytes, ratePerSecond } = settings;
  const load = `${clients} × ${inFlight} in flight, QoS 1, ${payloadBytes} B`;
  const rate = `at ${ratePerSecond} msg/s`;
  return [
    measured(`ingest, ${load}`, 'msg/s', ({ full }) => full.acked / full.seconds),
    measured('fdatasync of 4 KiB before ingest', '1/s', ({ fullDisk }) => fullDisk.perSecond),
    measured('fdatasync of 4 KiB before ingest, p99', 'ms', ({ fullDisk }) => fullDisk.p99Ms),
    measured(`acknowledged ${rate}`, 'msg/s', ({ steady }) => steady.acked / steady.seconds),
    besideDisk(
      measured(`acknowledgement p50 ${rate}`, 'ms', ({ steady }) => steady.ackP50Ms),
      ({ steadyDisk }) => steadyDisk.p50Ms,
    ),
    besideDisk(
      measured(`acknowledgement p99 ${rate}`, 'ms', ({ steady }) => steady.ackP99Ms),
      ({ steadyDisk }) => steadyDisk.p99Ms,
    ),
    measured(
      'fdatasync of 4 KiB before the fixed rate',
      '1/s',
      ({ steadyDisk }) => steadyDisk.perSecond,
    ),
    measured(
      'fdatasync of 4 KiB before the fixed rate, p99',
      'ms',
      ({ steadyDisk }) => steadyDisk.p99Ms,
    ),
  ];
}

/** What a reader must know before believing a figure. */
export function cautionsOf(turns: readonly Turn[], settings: IngestSettings): string[] {
  const cautions = turns.flatMap(({ server, steady, full }) => {
    const found: string[] = [];
    if (full.cpuShare > BUSY_PUBLISHER)
      found.push(`${server}: the publisher used a whole core; it may have been the slower one`);
    if (steady.acked / steady.seconds < settings.ratePerSecond * BEHIND)
      found.push(`${server}: did not keep up with ${settings.ratePerSecond} msg/s`);
    if (steady.unacked + full.unacked > 0)
      found.push(`${server}: some messages were never acknowledged`);
    return found;
  });
  return [...new Set(cautions)];
}
