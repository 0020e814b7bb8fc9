import { PLANTS, type Plant } from '../kill/plants.ts';
import type { Torture } from '../torture-shape.ts';
import { runPartition } from './partition.ts';

export const partition: Torture = {
  summary:
    'cuts the line between gateway and cloud, both ways or one, resets it, leaves it half open, ' +
    'slows and stretches it, and restarts the cloud, one of these a cycle',
  cyclesDefault: 50,
  plants: PLANTS,
  async run({ plant, ...options }) {
    const { verdict, faults, connections } = await runPartition({
      ...options,
      plant: plant as Plant | undefined,
    });
    const counted = [...faults].toSorted().map(([fault, count]) => `${fault}: ${count}`);
    return { verdict, remarks: [...counted, `connections: ${connections}`] };
  },
};
