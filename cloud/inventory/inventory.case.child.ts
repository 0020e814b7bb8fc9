import type { Policy } from '@holdfast/shared/platform/policy/policy.ts';
import { type Runtime, systemRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { openEmbeddedLog } from '../platform/event-log/event-log.embedded.ts';
import { CALL, openerOf, openLedger, reserving, type TestPlace } from './inventory.fixture.ts';
import { openInventory } from './inventory.module.ts';
import { inventorySettingsSchema } from './settings.ts';

/** What a suite asks of another process, as JSON in its first argument. */
export type InventoryTask = { readonly place: TestPlace } & (
  | { readonly mode: 'sell'; readonly name: string; readonly clients: number }
  | {
      readonly mode: 'serve';
      readonly logDir: string;
      /** Kills itself when it reaches the step for the n-th time. */
      readonly killAt?: { readonly step: string; readonly count: number };
    }
);

const nobody: Policy = {
  revision: 'none',
  decide: () => ({ allowed: false, reasons: ['nobody asks here'], revision: 'none' }),
};

const task = JSON.parse(process.argv[2] ?? '') as InventoryTask;
if (task.mode === 'sell') await sell(task);
else await serve(task);

/** Reserves and confirms one by one until nothing is left; tells how many it sold. */
async function sell(own: InventoryTask & { mode: 'sell' }): Promise<void> {
  const runtime = await systemRuntime({ name: 'inventory', logLevel: 'silent' });
  const { handlers, close } = await openLedger(own.place, runtime);
  let sold = 0;
  const client = async (index: number): Promise<void> => {
    for (let attempt = 0; ; attempt++) {
      const reservationId = `rsv_${own.name}_${index}_${attempt}`;
      const { reservation } = await handlers.reserve(reserving(reservationId), CALL);
      if (!reservation) return;
      await handlers.confirm({ reservationId }, CALL);
      sold += 1;
    }
  };
  process.send?.('ready');
  await new Promise((resolve) => process.once('message', resolve));
  await Promise.all(Array.from({ length: own.clients }, (_, index) => client(index)));
  await close();
  process.send?.({ sold });
  process.disconnect();
}

async function serve({ place, logDir, killAt }: InventoryTask & { mode: 'serve' }): Promise<void> {
  let left = killAt?.count ?? Number.POSITIVE_INFINITY;
  const reach = (step: string): void => {
    if (step !== killAt?.step) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
  const runtime: Runtime = {
    ...(await systemRuntime({ name: 'inventory', logLevel: 'silent' })),
    steps: { reach },
  };
  const log = await openEmbeddedLog({ dir: logDir, runtime, leaseMs: 1_000 });
  const inventory = await openInventory({
    sql: openerOf(place, runtime),
    log,
    policy: nobody,
    settings: inventorySettingsSchema.parse({}),
    runtime,
    region: 'local',
  });
  await inventory.module.start();
  process.send?.('ready');
  process.once('message', async () => {
    await inventory.module.stop();
    await log.close();
    process.disconnect();
  });
}
