import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { describe, expect, it } from 'vitest';
import { CUSTOMER, GraphWorld, level, OPERATOR, PRODUCTS, STRANGER } from './graph.fixture.ts';
import { BODY_BYTES_MAX, SUBSCRIPTION_MS_MAX, SUBSCRIPTIONS_PER_PERSON_MAX } from './limits.ts';

const LISTED = `{ products(first: 50) { nodes {
  id name prices { currency minorUnits } stock { site free onHand }
  inStore: stock(site: "store") { free }
} } }`;

const WHOLE_PAGE = `products(first: 100) { pageInfo { hasNextPage endCursor } edges { cursor node {
  id item name description taxClass prices { currency minorUnits } categories imageUrls version
  stock { site item free onHand reserved sold version changedAt }
} } }`;

describe('a query', () => {
  it('asks each peer once per level, however many products there are', async () => {
    const world = new GraphWorld();
    const { data, errors } = await world.query(LISTED);
    expect(errors).toBeUndefined();
    expect(data.products.nodes).toHaveLength(50);
    expect(data.products.nodes[4]).toMatchObject({
      id: '5',
      prices: [{ currency: 'EUR', minorUnits: 329 }],
      inStore: [{ free: 5 }],
    });
    expect(world.calls.map(({ name }) => name)).toEqual(['listProducts', 'getLevels']);
    expect((world.calls[1]!.request as { items: string[] }).items).toHaveLength(50);
  });

  it('asks for several products by one call, and shows no deleted one', async () => {
    const world = new GraphWorld();
    const query = `{ a: product(id: "1") { name } b: product(id: "2") { name }
        c: product(id: "13") { id } d: product(id: "999") { id } }`;
    const { data } = await world.query(query);
    expect(data).toEqual({
      a: { name: 'Product 1' },
      b: { name: 'Product 2' },
      c: null,
      d: null,
    });
    expect(world.calls.map(({ name }) => name)).toEqual(['getProducts']);
  });

  it('goes through the catalogue page by page, from any edge', async () => {
    const world = new GraphWorld();
    const query = `query ($after: String) { products(first: 40, after: $after) {
      edges { cursor node { id } } pageInfo { hasNextPage endCursor } } }`;
    const seen: string[] = [];
    for (let after: string | null = null; ; ) {
      const { data } = await world.query(query, { variables: { after } });
      const { edges, pageInfo } = data.products;
      seen.push(...edges.map(({ node }: { node: { id: string } }) => node.id));
      const middle = edges[Math.floor(edges.length / 2)].cursor;
      const rest = await world.query(query, { variables: { after: middle } });
      const next = rest.data.products.edges[0]?.node.id;
      const expected = edges[Math.floor(edges.length / 2) + 1]?.node.id;
      if (expected) expect(next).toBe(expected);
      if (!pageInfo.hasNextPage) break;
      after = pageInfo.endCursor;
    }
    expect(seen).toEqual(Array.from({ length: PRODUCTS }, (_, at) => String(at + 1)));
  });

  it('shows a customer what is free, and staff the whole level of their sites', async () => {
    const query = '{ product(id: "1") { stock { site free onHand reserved sold } } }';
    const nothing = { onHand: null, reserved: null, sold: null };
    const depot = { site: 'depot', free: 5, ...nothing };
    const customer = await new GraphWorld().query(query);
    expect(customer.data.product.stock).toEqual([depot, { site: 'store', free: 5, ...nothing }]);
    const operator = await new GraphWorld().query(query, { token: OPERATOR });
    const store = { site: 'store', free: 5, onHand: 10, reserved: 2, sold: 3 };
    expect(operator.data.product.stock).toEqual([depot, store]);
  });

  it('is confined to the tenant of its token', async () => {
    const world = new GraphWorld();
    const { data } = await world.query('{ product(id: "1") { id } products { nodes { id } } }', {
      token: STRANGER,
    });
    expect(data).toEqual({ product: null, products: { nodes: [] } });
    expect(new Set(world.calls.map(({ tenant }) => tenant))).toEqual(new Set(['other']));
  });

  it('says the code of what a peer refused, and nothing about the inside of a bug', async () => {
    const world = new GraphWorld();
    world.failure = new AppError('UNAVAILABLE', 'product is away');
    const away = await world.query('{ product(id: "1") { id } }');
    expect(away).toMatchObject({
      status: 200,
      data: { product: null },
      errors: [
        { message: 'product is away', path: ['product'], extensions: { code: 'UNAVAILABLE' } },
      ],
    });
    const hint = 'secret';
    world.failure = new AppError('UNAVAILABLE', 'secret', { hint, operatorOnly: true });
    const masked = await world.query('{ product(id: "1") { id } }');
    expect(masked.errors[0].extensions.code).toBe('UNAVAILABLE');
    expect(JSON.stringify(masked.errors)).not.toContain('secret');
    world.failure = new TypeError('secret');
    const { errors } = await world.query('{ product(id: "1") { id } }');
    expect(errors[0].extensions.code).toBe('INTERNAL');
    expect(JSON.stringify(errors)).not.toContain('secret');
  });
});

const aliases = (count: number): string => {
  const fields = Array.from({ length: count }, (_, nr) => `a${nr}: product(id: "${nr}") { id }`);
  return `{ ${fields.join(' ')} }`;
};

describe('a limit', () => {
  const nested = (levels: number): string => `{ ${'a { '.repeat(levels)}b${' }'.repeat(levels)} }`;
  const directives = '@skip(if: false) '.repeat(11);
  const REFUSED = [
    { name: 'an alias bomb', query: aliases(60), code: 'QUERY_TOO_COMPLEX', says: 'Aliases' },
    { name: 'a deep query', query: nested(12), code: 'QUERY_TOO_COMPLEX', says: 'depth' },
    {
      name: 'a deep query by fragments',
      query: `{ ...A } fragment A on Query ${nested(12)}`,
      code: 'QUERY_TOO_COMPLEX',
      says: 'depth',
    },
    {
      name: 'many tokens',
      query: `{ ${'a '.repeat(1_001)} }`,
      code: 'QUERY_TOO_COMPLEX',
      says: 'Token',
    },
    {
      name: 'a costly query',
      query: `{ a: ${WHOLE_PAGE} b: ${WHOLE_PAGE} }`,
      code: 'QUERY_TOO_COMPLEX',
      says: 'Cost',
    },
    {
      name: 'many directives',
      query: `{ product(id: "1") { id ${directives} } }`,
      code: 'QUERY_TOO_COMPLEX',
      says: 'Directives',
    },
    {
      name: 'a huge page',
      query: '{ products(first: 101) { nodes { id } } }',
      code: 'REQUEST_INVALID',
      says: 'first',
    },
    {
      name: 'introspection',
      query: '{ __schema { types { name } } }',
      code: 'FORBIDDEN',
      says: 'introspection',
    },
    {
      name: 'a field that is not there',
      query: '{ prodct(id: "1") { id } }',
      code: 'REQUEST_INVALID',
      says: 'prodct',
    },
    { name: 'what is no GraphQL', query: '{ product(', code: 'REQUEST_INVALID', says: 'Syntax' },
  ];

  it.each(REFUSED)('refuses $name, and asks nobody', async ({ query, code, says }) => {
    const world = new GraphWorld();
    const { errors } = await world.query(query);
    expect(errors[0].extensions.code).toBe(code);
    expect(errors[0].message).toContain(says);
    expect(errors[0].message).not.toContain('Did you mean');
    expect(world.calls).toEqual([]);
  });

  it('refuses a body that is too large, or no JSON', async () => {
    const world = new GraphWorld();
    const headers = { authorization: `Bearer ${CUSTOMER}` };
    const query = `{ a } # ${'x'.repeat(BODY_BYTES_MAX)}`;
    const large = await world.fetch(JSON.stringify({ query }), headers);
    expect(large.status).toBe(413);
    expect(await codeOf(large)).toBe('PAYLOAD_TOO_LARGE');
    const broken = await world.fetch('{', headers);
    expect(await codeOf(broken)).toBe('REQUEST_INVALID');
    const batch = await world.fetch('[{"query":"{ __typename }"}]', headers);
    expect(await codeOf(batch)).toBe('REQUEST_INVALID');
  });

  it('lets what is below it pass', async () => {
    expect((await new GraphWorld().query(aliases(15))).errors).toBeUndefined();
    expect((await new GraphWorld().query(`{ ${WHOLE_PAGE} }`)).errors).toBeUndefined();
    expect((await new GraphWorld().query('{ __typename }')).data).toEqual({ __typename: 'Query' });
  });
});

describe('who asks', () => {
  it('has a token, or is told so by a GraphQL error', async () => {
    const world = new GraphWorld();
    for (const [headers, code] of [
      [{}, 'TOKEN_MISSING'],
      [{ authorization: 'Bearer forged' }, 'TOKEN_INVALID'],
    ] as const) {
      const response = await world.fetch('{"query":"{ __typename }"}', headers);
      expect(response.status).toBe(401);
      expect(await codeOf(response)).toBe(code);
      expect(response.headers.get('www-authenticate')).toContain('Bearer');
    }
  });

  it('sees GraphiQL and introspection in development on loopback alone', async () => {
    const page = async (options: object): Promise<number> =>
      (await new GraphWorld(options).page()).status;
    expect(await page({ development: true })).toBe(200);
    expect(await page({ development: false })).toBe(401);
    expect(await page({ development: true, loopback: false })).toBe(401);
    const developer = new GraphWorld({ development: true });
    const { data } = await developer.query('{ __schema { queryType { name } } }');
    expect(data.__schema.queryType.name).toBe('Query');
  });
});

describe('a subscription', () => {
  const QUERY =
    'subscription ($items: [String!]!) { stockChanged(items: $items) { item free onHand } }';

  it('shows the present stock, then what changes, until the client goes', async () => {
    const world = new GraphWorld();
    const events = await subscribe(world, ['A', 'B']);
    const nothing = { onHand: null };
    expect(await events.next()).toEqual({
      data: {
        stockChanged: [
          { item: 'A', free: 5, ...nothing },
          { item: 'B', free: 5, ...nothing },
        ],
      },
    });
    const change = events.next();
    await world.isWatched();
    world.change(level('A', 'store', 1n));
    expect(await change).toEqual({ data: { stockChanged: [{ item: 'A', free: 1, ...nothing }] } });
    await events.cancel();
    await expect.poll(() => world.watches[0]!.aborted).toBe(true);
  });

  it('ends with the time of a token, and with the service', async () => {
    const world = new GraphWorld();
    const [one, two] = [await subscribe(world, ['A']), await subscribe(world, ['A'])];
    await one.next();
    await two.next();
    world.clock.advance(SUBSCRIPTION_MS_MAX);
    expect(await one.next()).toBeUndefined();
    expect(world.watches.map(({ aborted }) => aborted)).toEqual([true, true]);
    const three = await subscribe(world, ['A']);
    await three.next();
    await world.handle.module.stop();
    expect(await three.next()).toBeUndefined();
  });

  it('is bounded: in items, and per person', async () => {
    const world = new GraphWorld();
    for (const items of [[], Array.from({ length: 101 }, () => 'A'), ['']]) {
      const { errors } = await world.query(QUERY, { variables: { items } });
      expect(errors[0].extensions.code).toBe('REQUEST_INVALID');
    }
    for (let nr = 0; nr < SUBSCRIPTIONS_PER_PERSON_MAX; nr++) await subscribe(world, ['A']);
    const refused = await subscribe(world, ['A']);
    expect((await refused.next()).errors[0].extensions.code).toBe('RATE_LIMITED');
    const other = await subscribe(world, ['A'], OPERATOR);
    expect((await other.next()).data.stockChanged[0].onHand).toBe(10);
  });

  async function subscribe(world: GraphWorld, items: readonly string[], token = CUSTOMER) {
    const response = await world.fetch(JSON.stringify({ query: QUERY, variables: { items } }), {
      authorization: `Bearer ${token}`,
      accept: 'text/event-stream',
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    return eventsOf(response);
  }
});

async function codeOf(response: Response): Promise<string> {
  const { errors } = (await response.json()) as { errors: [{ extensions: { code: string } }] };
  return errors[0].extensions.code;
}

/** What came as `event: next`; undefined at the end. */
function eventsOf(response: Response) {
  const reader = response.body!.getReader();
  let text = '';
  return {
    cancel: () => reader.cancel(),
    // biome-ignore lint/suspicious/noExplicitAny: the tests look into whatever came.
    async next(): Promise<any> {
      for (;;) {
        const found = /event: next\ndata: (.*)\n\n/.exec(text);
        if (found) {
          text = text.slice(found.index + found[0].length);
          return JSON.parse(found[1]!);
        }
        const { value, done } = await reader.read();
        if (done || text.includes('event: complete')) return undefined;
        text += Buffer.from(value).toString();
      }
    },
  };
}
