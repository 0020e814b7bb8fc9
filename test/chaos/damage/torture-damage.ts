import type { Torture } from '../torture-shape.ts';
import { runDamage } from './damage.ts';
import { isDamagePlant, PLANTS } from './plants.ts';

export const damage: Torture = {
  summary:
    'flips bits in a gateway’s files, zeroes, cuts, truncates or removes them; then it is started',
  cyclesDefault: 50,
  plants: PLANTS,
  async run({ cycles, seed, only, plant, progress }) {
    const planted = plant !== undefined && isDamagePlant(plant) ? { plant } : {};
    const { failedStarts, damaged, ...verdict } = await runDamage({
      cycles,
      seed,
      only,
      progress,
      ...planted,
    });
    return {
      verdict: { ...verdict, lost: verdict.lost + failedStarts },
      remarks: [`damaged and told: ${damaged}`, `failed starts ${failedStarts}`],
    };
  },
};
