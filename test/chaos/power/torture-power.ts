import type { Torture } from '../torture-shape.ts';
import { isPowerPlant, POWER_PLANTS } from './plants.ts';
import { runPower } from './power.ts';
import { whyNoTrace } from './strace.ts';

export const power: Torture = {
  summary:
    'takes the power away from the gateway’s machine, the cloud’s, or both, in the middle of a ' +
    'recorded life: what was not synced is lost, torn or out of order, names included ' +
    '(needs strace)',
  cyclesDefault: 200,
  plants: POWER_PLANTS,
  async run({ cycles, seed, plant, trace, progress }) {
    const reason = trace === undefined ? whyNoTrace() : undefined;
    if (reason !== undefined) throw new Error(reason);
    const { verdict } = await runPower({
      cycles,
      seed,
      progress,
      ...(plant !== undefined && isPowerPlant(plant) ? { plant } : {}),
      ...(trace === undefined ? {} : { traceFile: trace }),
    });
    const { failedStarts, ...told } = verdict;
    return {
      verdict: { ...told, lost: told.lost + failedStarts },
      remarks: [`failed starts ${failedStarts}`],
    };
  },
};
