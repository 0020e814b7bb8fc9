import { systemRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { openFolderObjects } from './objects.folder.ts';

/** What the suite asks another process to do, as JSON in its first argument. */
export interface ObjectsTask {
  readonly dir: string;
  readonly key: string;
}

// Not longer than the test that started it.
process.once('disconnect', () => process.exit());
const { dir, key } = JSON.parse(process.argv[2] ?? '') as ObjectsTask;
const runtime = await systemRuntime({ name: 'objects', logLevel: 'silent' });
const objects = await openFolderObjects({ dir, runtime });

// Puts one object again and again, and tells how often it has resolved.
for (let count = 1; ; count++) {
  const body = Buffer.alloc(200_000, String(count).padStart(10, '0'));
  await objects.put(key, body, { contentType: 'text/plain' });
  process.send?.(count);
}
