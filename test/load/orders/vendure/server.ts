import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { READY, type VendureServer } from './vendure-load.ts';

/** What is used of the package; it is no dependency, so that its own types are not there. */
interface Core {
  readonly bootstrap: (config: unknown) => Promise<unknown>;
  readonly dummyPaymentHandler: { readonly code: string };
  readonly DefaultLogger: new (options: { readonly level: number }) => unknown;
  readonly LogLevel: { readonly Warn: number };
}
interface Cli {
  readonly populate: (
    start: () => Promise<unknown>,
    initialData: unknown,
    productsFile: string,
  ) => Promise<unknown>;
}

const STOCK = 100_000_000;
const PRODUCTS = `name,slug,description,assets,facets,optionGroups,optionValues,sku,price,\
taxCategory,stockOnHand,trackInventory,variantAssets,variantFacets
Cell,cell,A battery cell,,,,,CELL-1,10.00,standard,${STOCK},true,,
`;

const { folder, dataDir, port, postgresUrl } = JSON.parse(process.argv[2] ?? '') as VendureServer;
const load = createRequire(join(folder, 'package.json'));
const { bootstrap, dummyPaymentHandler, DefaultLogger, LogLevel } = load('@vendure/core') as Core;
const { populate } = load('@vendure/core/cli') as Cli;

const config = {
  apiOptions: {
    hostname: '127.0.0.1',
    port,
    shopApiPath: 'shop-api',
    introspection: false,
    cors: false,
  },
  // In production it does not start with the password of its documentation.
  authOptions: {
    tokenMethod: 'bearer',
    requireVerification: false,
    superadminCredentials: { identifier: 'superadmin', password: randomUUID() },
  },
  dbConnectionOptions: { ...database(), synchronize: true, logging: false },
  importExportOptions: { importAssetsDir: dataDir },
  logger: new DefaultLogger({ level: LogLevel.Warn }),
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  plugins: [],
};
const productsFile = join(dataDir, 'products.csv');
writeFileSync(productsFile, PRODUCTS);
await populate(() => bootstrap(config), initialData(), productsFile);
process.stdout.write(`\n${READY}\n`);

/** In its favour: with WAL this driver does not sync each commit. */
function database(): object {
  if (postgresUrl !== undefined) return { type: 'postgres', url: postgresUrl };
  return { type: 'better-sqlite3', database: join(dataDir, 'vendure.sqlite'), enableWAL: true };
}

/** One country with its tax, one way to ship, and a payment that is authorised at once. */
function initialData(): object {
  const args = [{ name: 'automaticSettle', value: 'false' }];
  return {
    defaultLanguage: 'en',
    defaultZone: 'Europe',
    countries: [{ code: 'DE', name: 'Germany', zone: 'Europe' }],
    taxRates: [{ name: 'standard', percentage: 19 }],
    shippingMethods: [{ name: 'Parcel', price: 500 }],
    paymentMethods: [
      { name: 'Card', handler: { code: dummyPaymentHandler.code, arguments: args } },
    ],
    collections: [],
  };
}
