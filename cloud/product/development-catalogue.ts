import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { normalised, type ProductFields } from './domain/product.ts';
import type { Catalogue } from './routes/catalogue.ts';
import type { ProductTables } from './store/tables.ts';

const TENANT = 'dev';
const NEWS = { tenant: TENANT, actor: 'development', policyRevision: 'development' };

/** Item, name, tax class, cents in EUR and USD, categories, description. */
type Line = readonly [
  item: string,
  name: string,
  taxClass: ProductFields['taxClass'],
  eur: number,
  usd: number,
  categories: string,
  description: string,
];

const LINES: readonly Line[] = [
  [
    'FRZ-PEAS-1KG',
    'Garden peas 1 kg',
    'reduced',
    329,
    379,
    'frozen vegetables',
    'Shelled, blanched and frozen within three hours of the harvest.',
  ],
  [
    'FRZ-SPINACH-600G',
    'Leaf spinach 600 g',
    'reduced',
    249,
    289,
    'frozen vegetables',
    'Washed leaves in portions of 50 g.',
  ],
  [
    'FRZ-BERRIES-750G',
    'Mixed berries 750 g',
    'reduced',
    549,
    619,
    'frozen fruit',
    'Raspberries, blueberries and currants, loose.',
  ],
  [
    'FRZ-SALMON-500G',
    'Salmon fillets 500 g',
    'reduced',
    1199,
    1349,
    'frozen fish',
    'Four fillets with skin, farmed in Norway.',
  ],
  [
    'FRZ-PIZZA-350G',
    'Pizza Margherita 350 g',
    'reduced',
    399,
    449,
    'frozen meals',
    'Stone baked; twelve minutes at 220 °C.',
  ],
  [
    'ICE-VANILLA-1L',
    'Vanilla ice cream 1 l',
    'reduced',
    479,
    529,
    'frozen ice-cream',
    'Bourbon vanilla and fresh cream.',
  ],
  ['DAI-BUTTER-250G', 'Butter 250 g', 'reduced', 289, 339, 'chilled dairy', 'Mild soured butter.'],
  [
    'DAI-CHEDDAR-400G',
    'Mature cheddar 400 g',
    'reduced',
    599,
    669,
    'chilled dairy',
    'Aged for twelve months.',
  ],
  [
    'DAI-MILK-1L',
    'Whole milk 1 l',
    'reduced',
    139,
    159,
    'chilled dairy',
    'Pasteurised, 3.8 % fat.',
  ],
  [
    'PKG-COOLBOX-12L',
    'Cool box 12 l',
    'standard',
    2490,
    2790,
    'packaging',
    'Foam box that keeps frozen goods for a day.',
  ],
  [
    'PKG-ICEPACK-6',
    'Ice packs, six',
    'standard',
    799,
    899,
    'packaging',
    'Reusable packs of 400 g.',
  ],
];

/**
 * The catalogue of a small cold store, for a first look: made once, into an empty catalogue, and
 * whatever people then change stays as they left it.
 */
export async function ensureDevelopmentCatalogue(
  sql: Sql<ProductTables>,
  catalogue: Catalogue,
): Promise<void> {
  await sql.transaction(async (tx) => {
    const any = await tx
      .selectFrom('products')
      .select('id')
      .where('tenant', '=', TENANT)
      .limit(1)
      .executeTakeFirst();
    if (any) return;
    for (const line of LINES) await catalogue.create(tx, { fields: fieldsOf(line), news: NEWS });
  });
}

function fieldsOf([item, name, taxClass, eur, usd, categories, description]: Line): ProductFields {
  return normalised({
    item,
    name,
    description,
    taxClass,
    prices: [
      { currency: 'EUR', minorUnits: eur },
      { currency: 'USD', minorUnits: usd },
    ],
    categories: categories.split(' '),
  });
}
