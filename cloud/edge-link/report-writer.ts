import type { GatewayReport } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import type { Timer } from '@holdfast/shared/runtime/clock.ts';
import { readReport } from './domain/hello.ts';
import type { StreamDeps } from './gateway-stream.ts';
import { type Standing, type StreamIdentity, storeReport } from './store/gateways.ts';

/**
 * Reports of one gateway become a row and an event at most this often; the last one always does.
 */
const WRITE_INTERVAL_MS = 1_000;

export interface ReportWriter {
  offer(report: GatewayReport): void;
  /** Drops what waits; resolves when the write in hand is done. */
  stop(): Promise<void>;
}

type ReportDeps = Pick<StreamDeps, 'sql' | 'runtime' | 'outbox' | 'relay'>;

export interface ReportWriterOptions {
  readonly identity: StreamIdentity;
  /** Told when the stream no longer speaks for its gateway. */
  readonly onStanding: (standing: Exclude<Standing, 'current'>) => void;
  readonly onError: (error: unknown) => void;
}

export function createReportWriter(deps: ReportDeps, options: ReportWriterOptions): ReportWriter {
  const { clock } = deps.runtime;
  let waiting: GatewayReport | undefined;
  let timer: Timer | undefined;
  let writing: Promise<void> | undefined;
  let stopped = false;

  const write = async (report: GatewayReport): Promise<void> => {
    try {
      const standing = await storeOne(deps, options.identity, report);
      if (standing !== 'current') options.onStanding(standing);
    } catch (error) {
      options.onError(error);
    }
    if (!stopped) timer = clock.after(WRITE_INTERVAL_MS, resume);
  };
  const begin = (): void => {
    const report = waiting;
    waiting = undefined;
    if (report && !stopped) writing = write(report);
  };
  const resume = (): void => {
    timer = undefined;
    if (waiting) timer = clock.after(0, begin);
  };
  return {
    offer(report) {
      waiting = report;
      // A timer stands also while a report is being written and for the second after it.
      if (!timer && !stopped) resume();
    },
    async stop() {
      stopped = true;
      timer?.cancel();
      await writing;
    },
  };
}

async function storeOne(
  { sql, runtime, outbox, relay }: ReportDeps,
  identity: StreamIdentity,
  report: GatewayReport,
): Promise<Standing> {
  const { bufferBytes, connectedDevices } = report;
  const options = {
    nowMicros: runtime.clock.nowMicros(),
    outbox,
    report: { bufferBytes, connectedDevices, lanes: readReport(report) },
  };
  const standing = await sql.transaction((tx) => storeReport(tx, identity, options));
  relay.nudge();
  return standing;
}
