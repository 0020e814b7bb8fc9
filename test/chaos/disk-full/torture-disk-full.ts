import { tmpdir } from 'node:os';
import type { Torture } from '../torture-shape.ts';
import { refusal, runDiskFull } from './disk-full.ts';
import { PLANTS, type Plant } from './plants.ts';

export const diskFull: Torture = {
  summary:
    'gives the gateway a small volume and a budget of seconds, fills and frees the one, cuts the ' +
    'line and kills it; needs the right to mount a tmpfs',
  cyclesDefault: 50,
  plants: PLANTS,
  async run({ plant, ...options }) {
    const refused = refusal(tmpdir());
    if (refused) throw new Error(`disk-full cannot run here: ${refused}`);
    const { verdict, events } = await runDiskFull({
      ...options,
      plant: plant as Plant | undefined,
    });
    const counted = [...events].toSorted().map(([event, count]) => `${event}: ${count}`);
    return { verdict, remarks: counted };
  },
};
