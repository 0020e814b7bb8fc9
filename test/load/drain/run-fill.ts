import type { Fill } from './fill.ts';
import { fillBroker } from './fill-broker.ts';
import { fillBuffer } from './fill-buffer.ts';

// A process of its own: what it keeps in memory must not be in the way of the measurement.
const fill = JSON.parse(process.argv[2]!) as Fill;
if (fill.into.kind === 'buffer') await fillBuffer(fill, fill.into.folder);
else await fillBroker(fill, fill.into.port);
process.exit(0);
