import type { Timer } from '@holdfast/shared/runtime/clock.ts';
import type { StreamDeps } from './gateway-stream.ts';
import { storeLost } from './store/gateways.ts';

const SWEEP_INTERVAL_MS = 5_000;

/**
 * A process that dies leaves its gateways marked as connected, and a gateway reports every 5 s:
 * from time to time any process marks those as lost that nobody heard of.
 */
export function startLostSweep(deps: StreamDeps) {
  const { sql, runtime, outbox, relay, settings } = deps;
  let failure: string | undefined;
  let timer: Timer | undefined;
  let sweeping: Promise<void> | undefined;
  let stopped = false;

  const sweep = async (): Promise<void> => {
    const nowMicros = runtime.clock.nowMicros();
    const silentSince = nowMicros - BigInt(settings.lostAfterMs) * 1000n;
    try {
      const lost = await sql.transaction((tx) => storeLost(tx, { nowMicros, outbox, silentSince }));
      if (lost > 0) relay.nudge();
      failure = undefined;
    } catch (error) {
      failure = `lost gateways cannot be marked: ${String(error)}`;
    }
    if (!stopped) timer = runtime.clock.after(SWEEP_INTERVAL_MS, start);
  };
  const start = (): void => {
    sweeping = sweep();
  };
  start();
  return {
    failure: () => failure,
    async stop() {
      stopped = true;
      timer?.cancel();
      await sweeping;
    },
  };
}
