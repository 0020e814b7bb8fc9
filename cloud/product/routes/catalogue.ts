import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import type { Policy, PolicyDecision } from '@holdfast/shared/platform/policy/policy.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Transaction } from 'kysely';
import { type IfMatch, versionTag } from '../../platform/http/entity-tag.ts';
import type { Outbox } from '../../platform/outbox/outbox.ts';
import {
  type PriceChange,
  type Product,
  type ProductFields,
  priceChanges,
} from '../domain/product.ts';
import { type ProductView, viewOf } from '../domain/view.ts';
import { dropImages } from '../store/image-objects.ts';
import { type ProductNews, recordDenial, recordNews } from '../store/news.ts';
import { findByItem, findProduct, saveProduct } from '../store/products.ts';
import type { ProductTables } from '../store/tables.ts';

export interface CatalogueOptions {
  readonly sql: Sql<ProductTables>;
  readonly outbox: Outbox;
  readonly policy: Policy;
  readonly runtime: Pick<Runtime, 'clock' | 'random'>;
  /** After the commit, before the answer: nobody reads what was there before. */
  readonly onChange: (tenant: string, id: string) => Promise<void>;
}

/** Which version of which product somebody wants to change. */
export interface Change {
  readonly principal: Principal;
  readonly id: string;
  readonly ifMatch: IfMatch;
}

export type ChangeTx = Transaction<ProductTables>;

/** What a change of one product may do beside its fields. */
export type ChangeParts = (tx: ChangeTx, before: Product) => Promise<ProductFields>;

type Outcome =
  | { readonly kind: 'changed'; readonly product: Product }
  | { readonly kind: 'denied'; readonly denial: PriceDenial };

interface PriceDenial {
  readonly change: PriceChange;
  readonly decision: PolicyDecision;
}

/** Writes the catalogue: by policy, version by version, with events and audit rows (I10). */
export class Catalogue {
  readonly #options: CatalogueOptions;

  constructor(options: CatalogueOptions) {
    this.#options = options;
  }

  /**
   * Throws FORBIDDEN after it has audited the denial; NOT_FOUND for a product that is not there or
   * is another tenant's, whatever the role. Returns the policy's revision.
   */
  async authorise(principal: Principal, id?: string): Promise<PolicyDecision> {
    const { policy } = this.#options;
    const { tenant } = principal;
    if (id !== undefined) await this.#requirePresent(tenant, id);
    const decision = policy.decide(principal, { action: 'product.write', resource: { tenant } });
    if (decision.allowed) return decision;
    return this.#deny(principal, { action: 'product.write', id: id ?? 'new', decision });
  }

  /** In a transaction of the caller's, who calls `announce` after the commit. */
  async create(
    tx: ChangeTx,
    { fields, news }: { readonly fields: ProductFields; readonly news: ProductNews },
  ): Promise<Product> {
    const { clock, random } = this.#options.runtime;
    await requireFreeItem(tx, { tenant: news.tenant, item: fields.item });
    const now = clock.nowMicros();
    const product: Product = {
      ...fields,
      id: prefixedId('prd', clock.now(), random.bytes(10)),
      tenant: news.tenant,
      images: [],
      version: 1,
      createdAt: now,
      updatedAt: now,
      deletedAt: null,
    };
    await this.#save(tx, { before: undefined, product, news });
    return product;
  }

  async change(of: Change, parts: ChangeParts): Promise<ProductView> {
    const { principal, id } = of;
    const { revision } = await this.authorise(principal, id);
    const outcome = await this.#options.sql.transaction(async (tx): Promise<Outcome> => {
      const before = await findPresent(tx, { tenant: principal.tenant, id });
      of.ifMatch.require(versionTag(before.version));
      const fields = await parts(tx, before);
      const denial = this.#priceDenial(principal, priceChanges(before.prices, fields.prices));
      if (denial) return { kind: 'denied', denial };
      if (fields.item !== before.item) await requireFreeItem(tx, { ...before, item: fields.item });
      const product = await this.#save(tx, {
        before,
        product: { ...before, ...fields },
        news: newsOf(principal, revision),
      });
      return { kind: 'changed', product };
    });
    if (outcome.kind === 'denied') return this.#denyPrice(principal, id, outcome.denial);
    await this.announce(outcome.product);
    return viewOf(outcome.product);
  }

  async remove({ principal, id, ifMatch }: Change): Promise<void> {
    const { revision } = await this.authorise(principal, id);
    const now = this.#options.runtime.clock.nowMicros();
    const product = await this.#options.sql.transaction(async (tx) => {
      const before = await findPresent(tx, { tenant: principal.tenant, id });
      ifMatch.require(versionTag(before.version));
      await dropImages(tx, { productId: id, now });
      return this.#save(tx, {
        before,
        product: { ...before, images: [], deletedAt: now },
        news: newsOf(principal, revision),
      });
    });
    await this.announce(product);
  }

  /** Before the answer to whoever wrote. */
  async announce({ tenant, id }: { readonly tenant: string; readonly id: string }): Promise<void> {
    await this.#options.onChange(tenant, id);
  }

  /** With the next version; the state, its events and its audit rows in one transaction. */
  async #save(
    tx: ChangeTx,
    change: { before: Product | undefined; product: Product; news: ProductNews },
  ): Promise<Product> {
    const { outbox, runtime } = this.#options;
    const { before, news } = change;
    const next = before
      ? { version: before.version + 1, updatedAt: runtime.clock.nowMicros() }
      : {};
    await saveProduct(tx, { ...change.product, ...next });
    // Read back: images lie in a table of their own, which the caller may have changed.
    const product = await findProduct(tx, change.product);
    await recordNews(tx, { outbox, before, after: product!, news });
    return product!;
  }

  async #requirePresent(tenant: string, id: string): Promise<void> {
    await this.#options.sql.read((db) => findPresent(db, { tenant, id }));
  }

  #priceDenial(principal: Principal, changes: readonly PriceChange[]): PriceDenial | undefined {
    for (const change of changes) {
      const decision = this.#options.policy.decide(principal, {
        action: 'product.price_change',
        resource: {
          tenant: principal.tenant,
          fromMinorUnits: change.from ?? 0,
          toMinorUnits: change.to ?? 0,
        },
      });
      if (!decision.allowed) return { change, decision };
    }
    return undefined;
  }

  #denyPrice(principal: Principal, id: string, denial: PriceDenial): Promise<never> {
    const { change, decision } = denial;
    return this.#deny(principal, { action: 'product.price_change', id, decision, change });
  }

  async #deny(
    principal: Principal,
    denied: { action: string; id: string; decision: PolicyDecision; change?: PriceChange },
  ): Promise<never> {
    const { sql, outbox } = this.#options;
    const news = newsOf(principal, denied.decision.revision);
    await sql.transaction((tx) => recordDenial(tx, { outbox, news, ...denied }));
    throw new AppError('FORBIDDEN', denied.decision.reasons.join('; '));
  }
}

export function newsOf({ tenant, subject }: Principal, policyRevision: string): ProductNews {
  return { tenant, actor: subject, policyRevision };
}

async function findPresent(
  db: Parameters<typeof findProduct>[0],
  of: { readonly tenant: string; readonly id: string },
): Promise<Product> {
  const product = await findProduct(db, of);
  if (product && product.deletedAt === null) return product;
  throw new AppError('NOT_FOUND', 'there is no such product');
}

/** Serializable: of two that take one item at the same time, one sees the other. */
async function requireFreeItem(
  tx: ChangeTx,
  { tenant, item }: { readonly tenant: string; readonly item: string },
): Promise<void> {
  const taken = await findByItem(tx, { tenant, item });
  if (taken === undefined) return;
  throw new AppError('CONFLICT', `the item ${item} is of the product ${taken}`);
}
