import type { Torture, TortureOptions, TortureReport } from '../torture-shape.ts';
import { killOrders } from './kill-orders.ts';
import { raceForThirty } from './stock-of-thirty.ts';

const CLIENTS = 64;
const FINDINGS_MAX = 20;

/** The race for a stock of thirty: a cycle is an attempt. */
export const stockOfThirty: Torture = {
  summary: 'many clients want thirty pieces; a cycle is an attempt to buy one',
  cyclesDefault: 100_000,
  plants: { 'stock-appears': 'a piece comes in that nobody counted' },
  async run({ cycles, seed, plant, progress }: TortureOptions): Promise<TortureReport> {
    const postgresUrl = process.env['HOLDFAST_TEST_POSTGRES_URL'] || undefined;
    const planted = plant === 'stock-appears' ? ({ plant } as const) : {};
    const options = { attempts: cycles, clients: CLIENTS, seed, progress, ...planted };
    const report = await raceForThirty({ ...options, postgresUrl });
    const where = postgresUrl ? 'two processes on postgres' : 'one process on sqlite';
    return reported(report, [
      `${where}, ${report.samples} samples, ${report.refused} told to come again`,
    ]);
  },
};

/** Order, inventory, payment or the acquirer's sandbox dies: a cycle is a kill. */
export const orders: Torture = {
  summary: 'one process per target; order, inventory, payment or the sandbox dies at a drawn step',
  cyclesDefault: 300,
  plants: {},
  async run({ cycles, seed, progress }: TortureOptions): Promise<TortureReport> {
    const report = await killOrders({ cycles, seed, progress });
    return reported(report, report.died);
  },
};

interface Found {
  readonly placed: number;
  readonly orders: number;
  readonly atRest: number;
  readonly findings: readonly string[];
}

/** Acknowledged is placed, stored is listed, delivered is at rest. */
function reported(found: Found, remarks: readonly string[]): TortureReport {
  const { placed, orders: stored, atRest, findings } = found;
  const verdict = {
    acked: placed,
    stored,
    delivered: atRest,
    ...{ condensed: 0, dropped: 0 },
    lost: Math.max(0, placed - stored) + (stored - atRest),
    duplicated: findings.length,
    findings: findings.slice(0, FINDINGS_MAX),
  };
  return { verdict, remarks };
}
