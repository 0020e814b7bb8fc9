import type { Torture } from '../torture-shape.ts';
import { runKill } from './kill.ts';
import { PLANTS, type Plant } from './plants.ts';

export const kill: Torture = {
  summary:
    'kills the gateway, the cloud with its edge-link, or both, once a cycle, at a drawn step, ' +
    'with a partition now and then',
  cyclesDefault: 50,
  plants: PLANTS,
  async run({ plant, ...options }) {
    const planted = plant === undefined ? {} : { plant: plant as Plant };
    const { verdict, deaths, partitions } = await runKill({ ...options, ...planted });
    const died = [...deaths].toSorted().map(([step, count]) => `died at ${step}: ${count}`);
    return { verdict, remarks: [...died, `partitions: ${partitions}`] };
  },
};
