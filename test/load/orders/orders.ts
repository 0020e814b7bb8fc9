import { parseArgs } from 'node:util';
import { seconds, wholeNumber } from '../bench-options.ts';
import type { Bench } from '../bench-shape.ts';
import { busyMachine } from '../busy-machine.ts';
import { type Measured, rowOf, tableOf } from '../figures.ts';
import { assertLinux } from '../footprint/process-figures.ts';
import { Ground } from '../ground.ts';
import { type LoadFigures, type OrdersTurn, takeTurn } from './turn.ts';

const OPTIONS = {
  seconds: { type: 'string', default: '60' },
  'warm-up': { type: 'string', default: '5' },
  'in-flight': { type: 'string', default: '8' },
  many: { type: 'string', default: '64' },
  databases: { type: 'string', default: 'sqlite,postgres' },
} as const;

const MIB = 1024 * 1024;
const NAME = 'holdfast';

/** Other engines, and what a client has to call of each until an order is placed and paid. */
const PEERS = [
  'vendure (addItemToOrder, setCustomerForOrder, setOrderShippingAddress, ' +
    'setOrderShippingMethod, transitionOrderToState, addPaymentToOrder)',
  'medusa (carts, line-items, shipping-methods, payment-collections, payment-sessions, ' +
    'complete)',
];

/** How fast orders are confirmed, seen by their customer. */
export const orders: Bench = {
  summary: 'confirmed orders a second, from POST until the customer is shown it',
  help: `npm run bench -- orders [options]

An order counts from POST /v1/orders until its customer's WebSocket shows order.confirmed. Token,
policy, validation, tax, stock, payment over SOAP, outbox, audit and explanation are on. Everything
but the acquirer's sandbox and the generator is one process; those have columns of their own.
PostgreSQL is used when HOLDFAST_TEST_POSTGRES_URL names one.

  --seconds S      measured time of each part (default 60)
  --warm-up S      before it (default 5)
  --in-flight N    orders at once in the first part (default 8)
  --many N         orders at once in the second part (default 64)
  --databases A,B  sqlite, postgres (default both)

The third part sends at 80 % of the best rate, each order when it is due, answered or not.
`,
  async run(args, print) {
    assertLinux();
    const { settings, databases } = parse(args);
    const busy = busyMachine();
    const measured: Measured[] = [];
    const cautions: string[] = [...busy];
    for (const database of databases) {
      const url = process.env['HOLDFAST_TEST_POSTGRES_URL'];
      if (database === 'postgres' && url === undefined) {
        cautions.push('postgres is left out: HOLDFAST_TEST_POSTGRES_URL is not set');
        continue;
      }
      const ground = new Ground();
      try {
        const turn = await takeTurn(ground, settings, database === 'postgres' ? url : undefined);
        measured.push(...measuredOf(database, turn, settings));
        cautions.push(...cautionsOf(database, turn));
        print.progress(`${database}: ${Math.round(rateOf(turn.few))} orders/s`);
      } finally {
        await ground.close();
      }
    }
    print.result([
      `orders: ${settings.measureMs / 1000} s each part`,
      ...PEERS.map((peer) => `left out: ${peer}: not installed`),
      '',
      ...tableOf(measured, NAME),
      ...cautions.map((caution) => `caution: ${caution}`),
      JSON.stringify({ bench: 'orders', rows: measured.map(rowOf) }),
    ]);
  },
};

function measuredOf(
  database: string,
  turn: OrdersTurn,
  { inFlight, manyInFlight }: { readonly inFlight: number; readonly manyInFlight: number },
): Measured[] {
  const row = (measure: string, unit: string, figure: number): Measured => ({
    measure: `${database}: ${measure}`,
    unit,
    ours: [figure],
    peers: {},
  });
  const { few, many, steady, ratePerSecond, cpuMsByStep } = turn;
  const load = (what: string, figures: LoadFigures): Measured[] => [
    row(`confirmed, ${what}`, 'orders/s', rateOf(figures)),
    row(`p50, ${what}`, 'ms', figures.p50Ms),
    row(`p99, ${what}`, 'ms', figures.p99Ms),
    row(`CPU of the shop, ${what}`, 'ms/order', perOrder(figures, figures.shopCpuSeconds)),
    row(`CPU of the sandbox, ${what}`, 'ms/order', perOrder(figures, figures.sandboxCpuSeconds)),
    row(`CPU of the generator, ${what}`, 'ms/order', perOrder(figures, figures.cpuSeconds)),
  ];
  return [
    ...load(`${inFlight} in flight`, few),
    ...load(`${manyInFlight} in flight`, many),
    ...load(`at ${ratePerSecond}/s`, steady),
    row('peak memory of the shop', 'MiB', turn.peakBytes / MIB),
    ...[...cpuMsByStep]
      .toSorted(([, a], [, b]) => b - a)
      .map(([step, ms]) => row(`main thread: ${step}`, 'ms/order', ms)),
  ];
}

function rateOf({ confirmed, seconds: length }: LoadFigures): number {
  return confirmed / length;
}

function perOrder({ placed }: LoadFigures, cpuSeconds: number): number {
  return (cpuSeconds * 1_000) / Math.max(1, placed);
}

function cautionsOf(database: string, { few, many, steady }: OrdersTurn): string[] {
  const parts = { few, many, steady };
  return Object.entries(parts).flatMap(([part, { failed, unseen }]) =>
    failed + unseen === 0
      ? []
      : [`${database}, ${part}: ${failed} orders were refused, ${unseen} never seen`],
  );
}

function parse(args: readonly string[]) {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const databases = values.databases.split(',');
  const unknown = databases.find((name) => name !== 'sqlite' && name !== 'postgres');
  if (unknown !== undefined) throw new Error(`no database "${unknown}"; sqlite, postgres`);
  return {
    databases,
    settings: {
      measureMs: seconds('seconds', values.seconds),
      warmUpMs: seconds('warm-up', values['warm-up']),
      inFlight: wholeNumber('in-flight', values['in-flight'], { min: 1, max: 512 }),
      manyInFlight: wholeNumber('many', values.many, { min: 1, max: 512 }),
    },
  };
}
