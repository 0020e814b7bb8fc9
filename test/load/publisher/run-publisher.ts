import { fileURLToPath } from 'node:url';
import type { Ground } from '../ground.ts';
import type { LoadResult, LoadShape } from './load-shape.ts';

const PUBLISHER = fileURLToPath(new URL('publisher.ts', import.meta.url));
/** Beyond its own times: its start, and its wait for the last acknowledgements. */
const OVERTIME_MS_MAX = 30_000;

/** One run of the load generator, as a process of its own. */
export async function runPublisher(ground: Ground, shape: LoadShape): Promise<LoadResult> {
  const publisher = ground.start({
    name: `publisher-${shape.pace.kind}`,
    program: process.execPath,
    args: [PUBLISHER, JSON.stringify(shape)],
  });
  const overtimeMs = shape.warmUpMs + shape.measureMs + OVERTIME_MS_MAX;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the publisher came to no end')), overtimeMs);
  });
  try {
    const code = await Promise.race([publisher.ended, late]);
    if (code !== 0) throw new Error(`the publisher failed: ${publisher.output()}`);
    return JSON.parse(publisher.output().trim().split('\n').at(-1)!) as LoadResult;
  } finally {
    clearTimeout(timer);
  }
}
