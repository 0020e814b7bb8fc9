import { parseArgs } from 'node:util';
import { seconds, wholeNumber } from '../bench-options.ts';
import type { Bench, Print } from '../bench-shape.ts';
import { busyMachine } from '../busy-machine.ts';
import { type Measured, rowOf, tableOf } from '../figures.ts';
import { assertLinux } from '../footprint/process-figures.ts';
import { Ground } from '../ground.ts';
import { cautionsOf, measuredOf, rateOf, type Turns } from './report.ts';
import { type OrdersSettings, takeTurn } from './turn.ts';
import { STEPS } from './vendure/checkout.ts';
import { installedVendure, installVendure, VENDURE, VENDURE_VERSION } from './vendure/package.ts';
import { takeVendureTurn } from './vendure/turn.ts';

const OPTIONS = {
  seconds: { type: 'string', default: '60' },
  'warm-up': { type: 'string', default: '5' },
  'in-flight': { type: 'string', default: '8' },
  many: { type: 'string', default: '64' },
  databases: { type: 'string', default: 'sqlite,postgres' },
  'install-vendure': { type: 'boolean', default: false },
} as const;

const NAME = 'holdfast';

/** What a client has to call of other engines until an order is placed and paid. */
const VENDURE_CALLS = STEPS.map(({ name }) => name).join(', ');
const MEDUSA_CALLS =
  'carts, line-items, shipping-methods, payment-collections, payment-sessions, complete';

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
  --install-vendure
                   brings Vendure ${VENDURE_VERSION} into .holdfast/peers, once (npm)

The third part sends at 80 % of the best rate, each order when it is due, answered or not.

Vendure, once it is installed, takes its turn of the first two parts after ours, on the same
database engine: its server without its worker and without plug-ins. Its order is a guest's, each
with a session of its own, and counts from the first of its calls to the answer of the last:
${STEPS.map(({ name }) => `  ${name}`).join('\n')}
`,
  async run(args, print) {
    assertLinux();
    const { settings, databases, wantsVendure } = parse(args);
    const busy = busyMachine();
    if (wantsVendure) await installVendure(print);
    const measured: Measured[] = [];
    const cautions: string[] = [...busy];
    for (const database of databases) {
      const url = process.env['HOLDFAST_TEST_POSTGRES_URL'] || undefined;
      if (database === 'postgres' && url === undefined) {
        cautions.push('postgres is left out: HOLDFAST_TEST_POSTGRES_URL is not set');
        continue;
      }
      const postgresUrl = database === 'postgres' ? url : undefined;
      const turns = await takeTurns({ database, settings, postgresUrl, print });
      measured.push(...measuredOf(turns, settings));
      cautions.push(...cautionsOf(turns));
    }
    print.result([
      `orders: ${settings.measureMs / 1000} s each part`,
      ...peersOf(installedVendure() !== undefined),
      '',
      ...tableOf(measured, NAME),
      ...cautions.map((caution) => `caution: ${caution}`),
      JSON.stringify({ bench: 'orders', rows: measured.map(rowOf) }),
    ]);
  },
};

/** Ours, then Vendure's with the machine to itself. */
async function takeTurns({
  database,
  settings,
  postgresUrl,
  print,
}: {
  readonly database: string;
  readonly settings: OrdersSettings;
  readonly postgresUrl: string | undefined;
  readonly print: Print;
}): Promise<Turns> {
  const folder = installedVendure();
  const ground = new Ground();
  try {
    const length = settings.measureMs / 1_000;
    print.progress(`${database}: ${NAME}, three parts of ${length} s`);
    const ours = await takeTurn(ground, settings, postgresUrl);
    print.progress(`${database}: ${NAME} ${Math.round(rateOf(ours.few))} orders/s`);
    if (folder === undefined) return { database, ours, vendure: undefined };
    print.progress(`${database}: ${VENDURE}, two parts of ${length} s`);
    const vendure = await takeVendureTurn(ground, settings, { folder, postgresUrl });
    print.progress(`${database}: ${VENDURE} ${rateOf(vendure.few).toPrecision(2)} orders/s`);
    return { database, ours, vendure };
  } finally {
    await ground.close();
  }
}

function peersOf(hasVendure: boolean): string[] {
  const version = `${VENDURE} ${VENDURE_VERSION}`;
  return [
    hasVendure
      ? `${version} on Node ${process.versions.node}: its server alone, ${VENDURE_CALLS}`
      : `left out: ${version} (${VENDURE_CALLS}): --install-vendure brings it`,
    `left out: medusa (${MEDUSA_CALLS}): not installed`,
  ];
}

function parse(args: readonly string[]) {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const databases = values.databases.split(',');
  const unknown = databases.find((name) => name !== 'sqlite' && name !== 'postgres');
  if (unknown !== undefined) throw new Error(`no database "${unknown}"; sqlite, postgres`);
  return {
    databases,
    wantsVendure: values['install-vendure'],
    settings: {
      measureMs: seconds('seconds', values.seconds),
      warmUpMs: seconds('warm-up', values['warm-up']),
      inFlight: wholeNumber('in-flight', values['in-flight'], { min: 1, max: 512 }),
      manyInFlight: wholeNumber('many', values.many, { min: 1, max: 512 }),
    },
  };
}
