import { ROLES } from '@holdfast/shared/contracts/roles.ts';
import { z } from 'zod';
import { type Api, addRoute } from '../../platform/http/api.ts';
import { tagged, versionTag } from '../../platform/http/entity-tag.ts';
import {
  cursorParameter,
  limitParameter,
  pageOf,
  pageReply,
  pageSchema,
} from '../../platform/http/page.ts';
import { newUserSchema, type User, userPatchSchema } from '../domain/user.ts';
import type { Users } from './users.ts';

const USER_ID = /^usr_[0-9a-f-]{36}$/;
const params = z.strictObject({ id: z.string().regex(USER_ID) });

const userAnswer = z
  .strictObject({
    id: z.string(),
    username: z.string(),
    roles: z.array(z.enum(ROLES)),
    sites: z.array(z.string()),
    disabled: z.boolean(),
    version: z.int(),
  })
  .meta({ id: 'User' });

const ITS_ANSWER = { description: 'The user; its ETag names the version.', body: userAnswer };
/** Who may is checked by the handler, so that each denial is audited. */
const ROUTE = { tag: 'users', caller: ROLES } as const;

/** The users of a tenant, for its administrators. */
export function addUserRoutes(api: Api, users: Users): void {
  addReadRoutes(api, users);
  addRoute(
    api,
    {
      ...ROUTE,
      method: 'post',
      path: '/v1/users',
      summary: 'Add a user',
      description:
        'The name is unique, so a repeat is CONFLICT and adds nobody: no key is needed, and no ' +
        'fast hash of the password is kept for one.',
      body: newUserSchema.omit({ tenant: true }),
      answers: { 201: { ...ITS_ANSWER, headers: { Location: 'Where the user is.' } } },
      problems: ['CONFLICT'],
    },
    async ({ principal, body }) => {
      const user = await users.add(principal, body);
      const location = `/v1/users/${user.id}`;
      const headers = { location, etag: versionTag(user.version), 'cache-control': 'no-store' };
      return Response.json(jsonOf(user), { status: 201, headers });
    },
  );
  addRoute(
    api,
    {
      ...ROUTE,
      method: 'patch',
      path: '/v1/users/{id}',
      summary: 'Change roles or sites of a user, disable or enable it',
      description: 'Access tokens that were given out keep their rights for at most ten minutes.',
      params,
      body: userPatchSchema,
      needsIfMatch: true,
      answers: { 200: ITS_ANSWER },
      problems: ['CONFLICT'],
    },
    async ({ c, principal, params: { id }, ifMatch, body }) => {
      const user = await users.change(principal, { id, ifMatch, patch: body });
      return tagged(c, jsonOf(user), { tag: versionTag(user.version) });
    },
  );
}

function addReadRoutes(api: Api, users: Users): void {
  addRoute(
    api,
    {
      ...ROUTE,
      method: 'get',
      path: '/v1/users',
      summary: 'List the users of the tenant',
      query: z.strictObject({
        limit: limitParameter(),
        cursor: cursorParameter(z.tuple([z.string().regex(USER_ID)])),
      }),
      answers: { 200: { description: 'A page of users.', body: pageSchema(userAnswer) } },
      list: true,
    },
    async ({ c, principal, query: { limit, cursor } }) => {
      const found = await users.list(principal, { after: cursor?.[0], limit: limit + 1 });
      const { items, next } = pageOf(found, limit, (last) => [last.id]);
      return pageReply(c, { items: items.map(jsonOf), next_cursor: next });
    },
  );
  addRoute(
    api,
    {
      ...ROUTE,
      method: 'get',
      path: '/v1/users/{id}',
      summary: 'Read a user',
      params,
      answers: { 200: ITS_ANSWER },
      tagged: true,
    },
    async ({ c, principal, params: { id } }) => {
      const user = await users.read(principal, id);
      return tagged(c, jsonOf(user), { tag: versionTag(user.version) });
    },
  );
}

function jsonOf(user: User): z.input<typeof userAnswer> {
  const { id, username, roles, sites, version, disabledAt } = user;
  const disabled = disabledAt !== null;
  return { id, username, roles: [...roles], sites: [...sites], disabled, version };
}
