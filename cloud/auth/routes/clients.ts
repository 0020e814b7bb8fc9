import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { ROLES } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { prefixedId } from '@holdfast/shared/lib/ids.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { TOKEN_TTL_SECONDS } from '@holdfast/shared/runtime/access-token.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { z } from 'zod';
import { type Api, addRoute } from '../../platform/http/api.ts';
import { versionTag } from '../../platform/http/entity-tag.ts';
import {
  cursorParameter,
  limitParameter,
  pageOf,
  pageReply,
  pageSchema,
} from '../../platform/http/page.ts';
import { CLIENT_SECRET_BYTES, CLIENTS_MAX, type Client } from '../domain/client.ts';
import { digestOf, sameDigest } from '../domain/digest.ts';
import { rfc3339 } from '../domain/times.ts';
import { sitesSchema } from '../domain/user.ts';
import {
  countClients,
  deleteClient,
  findClient,
  insertClient,
  listClients,
} from '../store/clients.ts';
import type { AuthTables } from '../store/tables.ts';
import type { Administration } from './administration.ts';
import { accessTokenAnswer } from './answers.ts';
import type { TokenSigner } from './sessions.ts';

export interface ClientsOptions {
  readonly sql: Sql<AuthTables>;
  readonly runtime: Pick<Runtime, 'clock' | 'random'>;
  readonly keys: TokenSigner;
  readonly administration: Administration;
}

const CLIENT_ID = /^cli_[0-9a-f-]{36}$/;
/** A client never changes, so it has one version. */
const VERSION = 1;

const clientAnswer = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    sites: z.array(z.string()),
    createdAt: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'Client' });
const newClientAnswer = clientAnswer
  .extend({ secret: z.string().meta({ description: 'Shown once.' }) })
  .meta({ id: 'NewClient' });

/** Programs that act for a tenant: made by its administrators, signed in by their secret. */
export function addClientRoutes(api: Api, options: ClientsOptions): void {
  addTokenRoute(api, options);
  addMakeRoute(api, options);
  addListRoute(api, options);
  addDeleteRoute(api, options);
}

function addTokenRoute(api: Api, { sql, keys }: ClientsOptions): void {
  addRoute(
    api,
    {
      method: 'post',
      path: '/v1/auth/client-token',
      tag: 'auth',
      summary: 'A token for a client (grant type client_credentials)',
      caller: 'public',
      rate: 'sign-in',
      body: z.strictObject({
        grantType: z.literal('client_credentials'),
        clientId: z.string().max(64),
        clientSecret: z.string().max(128),
      }),
      answers: { 200: { description: 'The token; there is no refresh.', body: accessTokenAnswer } },
      problems: ['CREDENTIALS_WRONG'],
    },
    async ({ body }) => {
      const client = await sql.read((db) => findClient(db, body.clientId));
      // 256 random bits are not guessed: there is no count of failures.
      if (!client || !sameDigest(client.secretDigest, digestOf(body.clientSecret))) {
        throw new AppError('CREDENTIALS_WRONG', 'the client or its secret is wrong');
      }
      const { id: subject, tenant, sites } = client;
      const accessToken = await keys.sign({ subject, tenant, sites, roles: ['service'] });
      const answer = { accessToken, tokenType: 'Bearer', expiresInSeconds: TOKEN_TTL_SECONDS };
      return Response.json(answer, { headers: { 'cache-control': 'no-store' } });
    },
  );
}

function addMakeRoute(api: Api, options: ClientsOptions): void {
  addRoute(
    api,
    {
      method: 'post',
      path: '/v1/auth/clients',
      tag: 'users',
      summary: 'Make a client with the role service',
      description:
        'Its secret is shown once and kept as a hash alone, so no answer is stored to be sent ' +
        'again: whoever lost it deletes the client and makes another.',
      caller: ROLES,
      body: z.strictObject({ name: z.string().trim().min(1).max(100), sites: sitesSchema }),
      answers: { 201: { description: 'The client.', body: newClientAnswer } },
      problems: ['CONFLICT'],
    },
    async ({ principal, body }) => {
      const { client, secret } = await makeClient(options, principal, body);
      const headers = { 'cache-control': 'no-store' };
      return Response.json({ ...jsonOf(client), secret }, { status: 201, headers });
    },
  );
}

async function makeClient(
  { administration, runtime }: ClientsOptions,
  principal: Principal,
  fields: { readonly name: string; readonly sites: readonly string[] },
): Promise<{ readonly client: Client; readonly secret: string }> {
  const { tenant, subject: createdBy } = principal;
  const action = 'client.created';
  await administration.authorise(principal, { action, resource: { kind: 'client', id: 'new' } });
  const { clock, random } = runtime;
  const secret = random.bytes(CLIENT_SECRET_BYTES).toString('base64url');
  const id = prefixedId('cli', clock.now(), random.bytes(10));
  const client: Client = { ...fields, id, tenant, createdAt: clock.nowMicros() };
  await administration.perform(principal, async (tx, done) => {
    if ((await countClients(tx, tenant)) >= CLIENTS_MAX) {
      throw new AppError('CONFLICT', `a tenant has at most ${CLIENTS_MAX} clients`);
    }
    await insertClient(tx, { ...client, secretDigest: digestOf(secret), createdBy });
    await done({ action, resource: { kind: 'client', id } }, { sites: fields.sites.join(' ') });
  });
  return { client, secret };
}

function addListRoute(api: Api, { sql, administration }: ClientsOptions): void {
  addRoute(
    api,
    {
      method: 'get',
      path: '/v1/auth/clients',
      tag: 'users',
      summary: 'List the clients of the tenant',
      caller: ROLES,
      query: z.strictObject({
        limit: limitParameter(),
        cursor: cursorParameter(z.tuple([z.string().regex(CLIENT_ID)])),
      }),
      answers: { 200: { description: 'A page of clients.', body: pageSchema(clientAnswer) } },
      list: true,
    },
    async ({ c, principal, query: { limit, cursor } }) => {
      const { tenant } = principal;
      const resource = { kind: 'client', id: tenant };
      await administration.authorise(principal, { action: 'client.list', resource });
      const page = { tenant, after: cursor?.[0], limit: limit + 1 };
      const found = await sql.read((db) => listClients(db, page));
      const { items, next } = pageOf(found, limit, (last) => [last.id]);
      return pageReply(c, { items: items.map(jsonOf), next_cursor: next });
    },
  );
}

function addDeleteRoute(api: Api, { sql, administration }: ClientsOptions): void {
  addRoute(
    api,
    {
      method: 'delete',
      path: '/v1/auth/clients/{id}',
      tag: 'users',
      summary: 'Delete a client; its tokens are good for at most ten minutes more',
      caller: ROLES,
      params: z.strictObject({ id: z.string().regex(CLIENT_ID) }),
      needsIfMatch: true,
      answers: { 204: { description: 'It is deleted.' } },
    },
    async ({ c, principal, params: { id }, ifMatch }) => {
      const { tenant } = principal;
      const client = await sql.read((db) => findClient(db, id));
      if (client?.tenant !== tenant) throw noClient();
      const deed = { action: 'client.deleted', resource: { kind: 'client', id } };
      await administration.authorise(principal, deed);
      ifMatch.require(versionTag(VERSION));
      await administration.perform(principal, async (tx, done) => {
        if (!(await deleteClient(tx, { tenant, id }))) throw noClient();
        await done(deed, {});
      });
      return c.body(null, 204);
    },
  );
}

function noClient(): AppError {
  return new AppError('NOT_FOUND', 'there is no such client');
}

function jsonOf({ id, name, sites, createdAt }: Client): z.input<typeof clientAnswer> {
  return { id, name, sites: [...sites], createdAt: rfc3339(createdAt), version: VERSION };
}
