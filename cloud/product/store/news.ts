import type { Transaction } from 'kysely';
import type { Outbox } from '../../platform/outbox/outbox.ts';
import { recordAudit } from '../../platform/outbox/record-audit.ts';
import { type PriceChange, type Product, priceChanges } from '../domain/product.ts';
import type { ProductTables } from './tables.ts';

/** On whose behalf, and by which policy. */
export interface ProductNews {
  readonly tenant: string;
  readonly actor: string;
  readonly policyRevision: string;
}

interface Recording {
  readonly outbox: Outbox;
  readonly before: Product | undefined;
  readonly after: Product;
  readonly news: ProductNews;
}

/** The event of the change, and an audit row for each price that it changed. */
export async function recordNews(
  tx: Transaction<ProductTables>,
  { outbox, before, after, news }: Recording,
): Promise<void> {
  const { id: productId, item, name, taxClass, prices, version } = after;
  const origin = { subject: productId, tenant: news.tenant, actor: news.actor };
  const state = { productId, item, name, taxClass, prices: [...prices], version };
  if (after.deletedAt !== null) {
    const data = { productId, item, version };
    await outbox.enqueue(tx, { ...origin, type: 'product.deleted.v1', data });
  } else {
    const type = before ? 'product.changed.v1' : 'product.created.v1';
    await outbox.enqueue(tx, { ...origin, type, data: state });
  }
  for (const change of priceChanges(before?.prices ?? [], prices)) {
    const { actor, tenant, policyRevision } = news;
    const resource = { kind: 'product', id: productId };
    const detail = detailOf(change);
    const entry = { action: 'product.price_change', outcome: 'done', actor, resource } as const;
    await recordAudit(tx, { outbox, tenant, entry: { ...entry, policyRevision, detail } });
  }
}

export async function recordDenial(
  tx: Transaction<ProductTables>,
  denied: {
    readonly outbox: Outbox;
    readonly news: ProductNews;
    readonly action: string;
    readonly id: string;
    readonly decision: { readonly revision: string; readonly reasons: readonly string[] };
    readonly change?: PriceChange;
  },
): Promise<void> {
  const { outbox, news, action, decision, change } = denied;
  await recordAudit(tx, {
    outbox,
    tenant: news.tenant,
    entry: {
      action,
      outcome: 'denied',
      actor: news.actor,
      resource: { kind: 'product', id: denied.id },
      policyRevision: decision.revision,
      reasons: [...decision.reasons],
      ...(change && { detail: detailOf(change) }),
    },
  });
}

/** A side without a price is left out. */
function detailOf({ currency, from, to }: PriceChange): Record<string, string | number> {
  return {
    currency,
    ...(from !== undefined && { fromMinorUnits: from }),
    ...(to !== undefined && { toMinorUnits: to }),
  };
}
