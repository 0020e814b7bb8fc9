import { TAX_CLASSES, type TaxClass, taxOrder, taxRuleOf } from '@holdfast/shared/domain/tax.ts';
import type { Order, OrderLine } from './order.ts';

export interface WantedLine {
  readonly productId: string;
  readonly quantity: number;
}

/** What pricing needs to know of a product. */
export interface PricedProduct {
  readonly id: string;
  readonly item: string;
  readonly name: string;
  readonly taxClass: string;
  readonly deleted: boolean;
  readonly prices: readonly { readonly currency: string; readonly minorUnits: bigint }[];
}

export type Priced = Pick<Order, 'lines' | 'net' | 'tax' | 'total'>;

export type PricingOutcome =
  | { readonly kind: 'priced'; readonly priced: Priced }
  /** Pointers into the request, and what is wrong there. */
  | {
      readonly kind: 'unpriced';
      readonly fields: readonly { readonly pointer: string; readonly detail: string }[];
    };

/** Prices and taxes as they are now; the order keeps them, whatever the catalogue says later. */
export function priceOrder(
  wanted: readonly WantedLine[],
  products: readonly PricedProduct[],
  { currency, country }: { readonly currency: string; readonly country: string },
): PricingOutcome {
  const byId = new Map(products.map((product) => [product.id, product]));
  const fields: { pointer: string; detail: string }[] = [];
  const found = wanted.flatMap(({ productId, quantity }, index) => {
    const product = byId.get(productId);
    const price = product?.prices.find((each) => each.currency === currency);
    const pointer = `/lines/${index}/productId`;
    if (!product || product.deleted) fields.push({ pointer, detail: 'there is no such product' });
    else if (!price) fields.push({ pointer, detail: `has no price in ${currency}` });
    else return [{ product, quantity, unitMinor: Number(price.minorUnits) }];
    return [];
  });
  if (fields.length > 0) return { kind: 'unpriced', fields };
  const lines = found.map((line) => ({ ...line, taxClass: taxClassOf(line.product) }));
  const taxed = taxOrder(lines, taxRuleOf(country));
  if (!taxed) {
    return { kind: 'unpriced', fields: [{ pointer: '/lines', detail: 'the total is too large' }] };
  }
  const { net, tax, total } = taxed;
  const pricedLines = lines.map(({ product, quantity, unitMinor, taxClass }, index): OrderLine => {
    const { basisPoints, ...amounts } = taxed.lines[index]!;
    const { id: productId, item, name } = product;
    const about = { productId, item, name, quantity, unitMinor, taxClass };
    return { ...about, taxBasisPoints: basisPoints, ...amounts };
  });
  return { kind: 'priced', priced: { lines: pricedLines, net, tax, total } };
}

/** A class of a newer catalogue is taxed in full: too much can be given back, too little not. */
function taxClassOf({ taxClass }: PricedProduct): TaxClass {
  return TAX_CLASSES.find((known) => known === taxClass) ?? 'standard';
}
