import { ROLES } from '@holdfast/shared/contracts/roles.ts';
import { z } from 'zod';
import { type Api, addRoute } from '../../platform/http/api.ts';
import type { Administration } from './administration.ts';

export interface KeyRotation {
  rotate(): Promise<{ readonly keyId: string; readonly signsFromMs: number }>;
}

const rotatedAnswer = z
  .strictObject({ keyId: z.string(), signsFrom: z.iso.datetime() })
  .meta({ id: 'RotatedKey' });

/** The keys that sign access tokens, for administrators. */
export function addKeyRoutes(
  api: Api,
  { keys, administration }: { readonly keys: KeyRotation; readonly administration: Administration },
): void {
  addRoute(
    api,
    {
      method: 'post',
      path: '/v1/auth/keys/rotate',
      tag: 'auth',
      summary: 'Make the next signing key',
      description:
        'It signs a minute later. The keys before it stay published until their last token has ' +
        'expired, so nobody is signed out. A repeat within that minute is STATE_CONFLICT.',
      caller: ROLES,
      answers: { 200: { description: 'The next key.', body: rotatedAnswer } },
      problems: ['STATE_CONFLICT'],
    },
    async ({ principal }) => {
      const action = 'signing_key.rotated';
      const resource = (id: string) => ({ kind: 'signing_key', id });
      await administration.authorise(principal, { action, resource: resource('next') });
      const { keyId, signsFromMs } = await keys.rotate();
      const signsFrom = new Date(signsFromMs).toISOString();
      await administration.perform(principal, (_, done) =>
        done({ action, resource: resource(keyId) }, { signsFrom }),
      );
      return Response.json({ keyId, signsFrom });
    },
  );
}
