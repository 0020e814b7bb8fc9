import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { signToken } from '@holdfast/cloud/auth/tokens.fixture.ts';
import type { Document } from '@holdfast/cloud/platform/http/document.fixture.ts';
import { openFileSecrets } from '@holdfast/cloud/platform/secrets/secrets.file.ts';
import type { Secrets } from '@holdfast/cloud/platform/secrets/secrets.ts';
import type { GrpcPeer } from '@holdfast/cloud/wiring/peers.ts';
import { AuditServiceService } from '@holdfast/shared/contracts/gen/holdfast/audit/v1/audit.ts';
import {
  InventoryServiceService,
  MovementKind,
} from '@holdfast/shared/contracts/gen/holdfast/inventory/v1/inventory.ts';
import { PaymentServiceService } from '@holdfast/shared/contracts/gen/holdfast/payment/v1/payment.ts';
import { ProductServiceService } from '@holdfast/shared/contracts/gen/holdfast/product/v1/product.ts';
import { type Principal, ROLES, type Role } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Operation, operationsOf } from '../contract/rest-conventions.ts';
import { sampleOf } from '../contract/rest-sample.ts';
import { askPeers } from './asking-peers.ts';
import { freePorts } from './free-ports.ts';
import { type House, startHouse } from './house.ts';
import { makeOwnThings, type OwnThings } from './own-things.ts';
import { SITE } from './shopping.ts';

// Whatever exists in one tenant is asked for by another, over every path and every method (I10).

const OTHER = 'other';
const NOBODY = '0190f5b6-0000-7000-8000-000000000000';
const runtime = testRuntime();

let house: House;
let secrets: Secrets;
let internal: string;
let document: Document;
let own: OwnThings;
let customer: string;

beforeAll(async () => {
  const [port] = await freePorts(1);
  internal = `127.0.0.1:${port}`;
  house = await startHouse({ env: { HOLDFAST_INTERNAL_PORT: String(port) } });
  secrets = openFileSecrets({ dir: join(house.dir, 'cloud', 'secrets'), runtime });
  document = await (await fetch(`${house.cloudUrl}/openapi.json`)).json();
  customer = await tokenOf({ subject: 'usr_anna', roles: ['customer'] });
  own = await makeOwnThings(house, { boss: await tokenOf({ subject: 'usr_boss' }), customer });
});
afterAll(async () => {
  await secrets?.close();
  await house?.close();
});

function tokenOf(changes: Partial<Principal>): Promise<string> {
  const principal = { subject: 'usr_x', tenant: 'dev', sites: ['*'], roles: ['administrator'] };
  return signToken(secrets, { ...principal, ...changes } as Principal);
}

/** Asks for what is ours in every other way properly; with the tag that a change would need. */
async function ask({ method, path, definition }: Operation, token: string): Promise<string> {
  const params = own.paramsOf(path);
  if (!params) throw new Error(`own-things.ts makes nothing that ${path} names`);
  const target = path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(params[name]!));
  const required: Document[] = (definition.parameters ?? []).filter(
    (each: Document) => each.required,
  );
  const valuesIn = (place: string) =>
    required
      .filter((each) => each.in === place)
      .map((each): [string, string] => [each.name, String(sampleOf(each.schema, document))]);
  const [type, content] = Object.entries<Document>(definition.requestBody?.content ?? {})[0] ?? [];
  const isJson = type === 'application/json';
  const query = new URLSearchParams(valuesIn('query'));
  const answer = await fetch(`${house.cloudUrl}${target}?${query}`, {
    method: method.toUpperCase(),
    headers: {
      ...Object.fromEntries(valuesIn('header')),
      ...(method === 'post' && { 'Idempotency-Key': randomUUID() }),
      ...(type && { 'content-type': type }),
      authorization: `Bearer ${token}`,
    },
    ...(type && { body: isJson ? JSON.stringify(sampleOf(content.schema, document)) : 'a' }),
  });
  return `${answer.status} ${await answer.text()}`;
}

const withIds = (): readonly Operation[] =>
  operationsOf(document).filter(
    ({ path, definition }) => path.includes('{') && definition.security.length > 0,
  );

const isHidden = (answer: string): boolean => /^(404|403) .*"(NOT_FOUND|FORBIDDEN)"/.test(answer);

describe('what is ours, by its id', () => {
  it('is there for us', async () => {
    const boss = await tokenOf({ subject: 'usr_boss', roles: ROLES });
    const reads = withIds().filter(({ method }) => method === 'get');
    const answers = await Promise.all(
      reads.map(async (each) => [each.name, await ask(each, boss)]),
    );
    expect(answers.filter(([, answer]) => !answer!.startsWith('200'))).toEqual([]);
    expect(reads.length).toBeGreaterThan(5);
  });

  it('is on no route there for another tenant, whatever the role', async () => {
    const seen: string[] = [];
    for (const each of withIds()) {
      for (const role of each.definition['x-roles'] as readonly Role[]) {
        const token = await tokenOf({ subject: 'usr_foreign', tenant: OTHER, roles: [role] });
        const answer = await ask(each, token);
        if (!isHidden(answer)) seen.push(`${each.name} as ${role}: ${answer}`);
      }
    }
    expect(seen).toEqual([]);
  });

  it('is on no route there for another customer of the tenant, unless it is for all', async () => {
    const token = await tokenOf({ subject: 'usr_bert', roles: ['customer'] });
    const seen: string[] = [];
    for (const each of withIds()) {
      const answer = await ask(each, token);
      if (!isHidden(answer)) seen.push(each.name);
    }
    expect(seen).toEqual(['GET /v1/products/{id}', 'GET /v1/products/{id}/images/{name}']);
  });
});

/** What each method is asked of an id; two requests that differ in nothing but the id. */
interface Ids {
  readonly reservationId: string;
  readonly paymentKey: string;
  readonly productId: string;
  readonly item: string;
  readonly orderId: string;
}

/** A stream that has nothing to show says nothing. */
const WATCH_MS = 1_000;
const amount = { currency: 'EUR', minorUnits: 1n };

/** Every method of every service: one that is missing here does not compile. */
const REQUESTS: {
  readonly inventory: Readonly<Record<keyof InventoryServiceService, (ids: Ids) => object>>;
  readonly payment: Readonly<Record<keyof PaymentServiceService, (ids: Ids) => object>>;
  readonly product: Readonly<Record<keyof ProductServiceService, (ids: Ids) => object>>;
  readonly audit: Readonly<Record<keyof AuditServiceService, (ids: Ids) => object>>;
} = {
  inventory: {
    getLevels: ({ item }) => ({ items: [item], site: '' }),
    watch: ({ item }) => ({ items: [item], site: '' }),
    confirm: ({ reservationId }) => ({ reservationId }),
    pick: ({ reservationId }) => ({ reservationId }),
    reserve: ({ reservationId, orderId, item }) => {
      const lines = [{ item, quantity: 1n, site: SITE }];
      return { reservationId, orderId, lines, holdSeconds: 60 };
    },
    release: ({ reservationId }) => ({ reservationId, reason: 'foreign' }),
    adjust: ({ item }) => ({
      movementId: `mov_${NOBODY}`,
      ...{ site: SITE, item, kind: MovementKind.MOVEMENT_KIND_ADJUST, quantity: 5n },
      ...{ reason: 'foreign', toSite: '' },
    }),
  },
  payment: {
    getPayment: ({ paymentKey }) => ({ paymentKey }),
    capture: ({ paymentKey }) => ({ paymentKey }),
    refund: ({ paymentKey }) => {
      return { paymentKey, refundId: `rfd_${NOBODY}`, amount, reason: 'foreign' };
    },
    authorise: ({ paymentKey, orderId }) => {
      return { paymentKey, orderId, amount, methodToken: 'tok_foreign' };
    },
    void: ({ paymentKey }) => ({ paymentKey, reason: 'foreign' }),
  },
  product: {
    getProducts: ({ productId }) => ({ ids: [productId] }),
    listProducts: () => ({ limit: 0, cursor: '', text: '', category: '' }),
  },
  audit: {
    listEntries: ({ orderId }) => {
      return { resourceKind: 'order', resourceId: orderId, limit: 0, cursor: '' };
    },
  },
};

const SERVICES: readonly (readonly [keyof typeof REQUESTS & GrpcPeer, ServiceDefinition])[] = [
  ['inventory', InventoryServiceService],
  ['payment', PaymentServiceService],
  ['product', ProductServiceService],
  ['audit', AuditServiceService],
];

describe('what is ours, asked for by a service in the scope of another tenant', () => {
  const named = (text: string, ids: Ids): string =>
    Object.values(ids).reduce((all, id) => all.replaceAll(id, 'ID'), text);

  it('is on no method there: refused, or answered as an id that nobody has', async () => {
    const peers = askPeers({
      secrets,
      runtime,
      peers: {
        auth: house.cloudUrl,
        ...{ inventory: internal, payment: internal, product: internal, audit: internal },
      },
    });
    const ours: Ids = { ...own, ...own.ware };
    const nobodys: Ids = {
      reservationId: `rsv_${NOBODY}`,
      paymentKey: `pay_${NOBODY}`,
      productId: `prd_${NOBODY}`,
      item: 'nothing',
      orderId: `ord_${NOBODY}`,
    };
    const answersTo = async (tenant: string, ids: Ids) => {
      const answers: Record<string, string> = {};
      for (const [peer, definition] of SERVICES) {
        const client = await peers.client('order', peer, definition);
        for (const [method, request] of Object.entries(REQUESTS[peer])) {
          const scope = { tenant, actor: 'usr_foreign' };
          const call = (client as unknown as Record<string, Call>)[method]!;
          const signal = AbortSignal.timeout(WATCH_MS);
          const answer = await answerOf(() => call(request(ids), { scope, signal }));
          answers[`${peer}.${method}`] = named(answer, ids);
        }
      }
      return answers;
    };
    const before = await stateOfOurs();
    // Of tenants of their own: what one's calls leave must not be what is compared.
    const foreign = await answersTo('second', ours);
    const unknown = await answersTo('third', nobodys);
    const told = Object.entries(foreign).filter(
      ([method, answer]) => !isRefusal(answer) && answer !== unknown[method],
    );
    expect(told).toEqual([]);
    expect(await stateOfOurs()).toEqual(before);
    const levels = await peers.client('order', 'inventory', InventoryServiceService);
    const scope = { tenant: 'dev', actor: 'usr_boss' };
    const found = await levels.getLevels({ items: [own.ware.item], site: '' }, { scope });
    expect(found.levels).toHaveLength(1);
    await peers.close();
  });

  /** The order, its payment and its stock, as we see them. */
  async function stateOfOurs(): Promise<readonly unknown[]> {
    const authorization = `Bearer ${await tokenOf({ subject: 'usr_boss', roles: ROLES })}`;
    const paths = [
      `/v1/orders/${own.orderId}`,
      `/v1/payments/${own.paymentKey}`,
      `/v1/stock/${SITE}/${own.ware.item}`,
      `/v1/products/${own.ware.productId}`,
    ];
    return Promise.all(
      paths.map(async (path) => {
        const answer = await fetch(house.cloudUrl + path, { headers: { authorization } });
        return answer.json();
      }),
    );
  }
});

const isRefusal = (answer: string): boolean => ['NOT_FOUND', 'FORBIDDEN'].includes(answer);

type Answer = Promise<unknown> | AsyncIterable<unknown>;
type Call = (request: object, options: object) => Answer;

/** Of a stream the first answer, if there is one in time. */
async function answerOf(call: () => Answer): Promise<string> {
  try {
    const answer = call();
    if (!(Symbol.asyncIterator in answer)) return textOf(await answer);
    for await (const first of answer) return textOf(first);
    return 'nothing';
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (key, each) => {
    if (/Micros$/.test(key)) return 'time';
    return typeof each === 'bigint' ? String(each) : each;
  });
}
