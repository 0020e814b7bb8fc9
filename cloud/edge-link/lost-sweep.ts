import { messageOf } from '@holdfast/shared/lib/message-of.ts';
import type { Timer } from '@holdfast/shared/runtime/clock.ts';
import type { StreamDeps } from './gateway-stream.ts';
import { storeLost } from './store/gateways.ts';
import { forgetParkedBytes } from './store/parked-blocks.ts';

const SWEEP_INTERVAL_MS = 5_000;
const FORGET_INTERVAL_MS = 3_600_000;

/**
 * A process that dies leaves its gateways marked as connected, and a gateway reports every 5 s:
 * from time to time any process marks those as lost that nobody heard of. What was parked long ago
 * loses its bytes. And whoever was revoked while another process heard of it is turned out here.
 */
export function startLostSweep(deps: StreamDeps, turnOut: () => Promise<void>) {
  const { sql, runtime, outbox, relay, settings } = deps;
  let failure: string | undefined;
  let timer: Timer | undefined;
  let sweeping: Promise<void> | undefined;
  let stopped = false;
  let forgetAtMs = 0;

  const sweep = async (): Promise<void> => {
    const nowMicros = runtime.clock.nowMicros();
    const silentSince = nowMicros - BigInt(settings.lostAfterMs) * 1000n;
    try {
      const lost = await sql.transaction((tx) => storeLost(tx, { nowMicros, outbox, silentSince }));
      if (lost > 0) relay.nudge();
      await turnOut();
      if (runtime.clock.monotonicMs() >= forgetAtMs) {
        await sql.transaction((tx) => forgetParkedBytes(tx, nowMicros));
        forgetAtMs = runtime.clock.monotonicMs() + FORGET_INTERVAL_MS;
      }
      failure = undefined;
    } catch (error) {
      failure = `the database cannot be tidied: ${messageOf(error)}`;
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
