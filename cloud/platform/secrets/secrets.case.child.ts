import { systemRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { openFileSecrets } from './secrets.file.ts';

/** What the suite asks another process to do with a secret, as JSON in its first argument. */
export interface SecretsTask {
  readonly dir: string;
  readonly task: 'ensure' | 'write for ever';
}

/** What that process tells: the value that it got, or the count of writes that have resolved. */
export interface SecretsReport {
  readonly value?: string;
  readonly written?: number;
}

// Not longer than the test that started it.
process.once('disconnect', () => process.exit());
const { dir, task } = JSON.parse(process.argv[2] ?? '') as SecretsTask;
const runtime = await systemRuntime({ name: 'secrets', logLevel: 'silent' });
const secrets = openFileSecrets({ dir, runtime });
const report = (message: SecretsReport): void => void process.send?.(message);

if (task === 'ensure') {
  process.once('message', async () => {
    const value = await secrets.ensure('auth/signing-key', async () => runtime.random.bytes(32));
    report({ value: Buffer.from(value).toString('hex') });
    process.exit();
  });
  report({});
} else {
  for (let written = 1; ; written++) {
    await secrets.write(
      'auth/signing-key',
      Buffer.alloc(60_000, String(written).padStart(10, '0')),
    );
    report({ written });
    await new Promise((resolve) => setImmediate(resolve));
  }
}
