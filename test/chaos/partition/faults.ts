import type { Random } from '@holdfast/shared/runtime/random.ts';
import type { House } from '../../e2e/house.ts';
import type { Line } from '../../network/line.ts';

/** What happens to the line, or at its end. */
export const FAULTS = [
  'cut',
  'cut up',
  'cut down',
  'half-open',
  'reset',
  'resets',
  'slow',
  'late',
  'cloud restart',
] as const;
export type Fault = (typeof FAULTS)[number];

export interface DrawnFault {
  readonly fault: Fault;
  readonly forMs: number;
  /** How long all is well afterwards; 0 now and then, so that faults meet a stream that begins. */
  readonly calmMs: number;
  readonly bytesPerSecond: number;
  readonly delayMs: number;
}

const FAULT_MS_MAX = 1_600;
const CALM_MS_MAX = 1_000;
const RESETS = 4;

export function drawFault(random: Random): DrawnFault {
  return {
    fault: FAULTS[random.int(FAULTS.length)]!,
    forMs: random.int(FAULT_MS_MAX),
    calmMs: random.int(3) === 0 ? 0 : random.int(CALM_MS_MAX),
    bytesPerSecond: 2_000 + random.int(60_000),
    delayMs: random.int(400),
  };
}

export interface Scene {
  readonly house: House;
  readonly line: Line;
}

/** From the fault's beginning to its end; the calm is the caller's. */
export async function suffer(scene: Scene, drawn: DrawnFault): Promise<void> {
  const { line } = scene;
  await FAULT_ACTIONS[drawn.fault](scene, drawn);
  line.repace({});
  line.heal();
}

type Action = (scene: Scene, drawn: DrawnFault) => Promise<void>;

const FAULT_ACTIONS: Readonly<Record<Fault, Action>> = {
  async cut({ line }, { forMs }) {
    line.cut();
    await pause(forMs);
  },
  async 'cut up'({ line }, { forMs }) {
    line.cut(['up']);
    await pause(forMs);
  },
  async 'cut down'({ line }, { forMs }) {
    line.cut(['down']);
    await pause(forMs);
  },
  // The gateway comes back to a peer that accepts connections and never speaks.
  async 'half-open'({ line }, { forMs }) {
    line.cut();
    line.reset();
    await pause(forMs);
  },
  async reset({ line }) {
    line.reset();
  },
  async resets({ line }, { forMs }) {
    for (let count = 0; count < RESETS; count++) {
      line.reset();
      await pause(forMs / RESETS);
    }
  },
  async slow({ line }, { forMs, bytesPerSecond }) {
    line.repace({ bytesPerSecond });
    await pause(forMs);
  },
  async late({ line }, { forMs, delayMs }) {
    line.repace({ delayMs });
    await pause(forMs);
  },
  async 'cloud restart'({ house }) {
    await house.cloud.kill();
    house.cloud.start();
    await house.cloudReady();
  },
};

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
