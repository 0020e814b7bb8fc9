import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Principal, ROLES } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { z } from 'zod';
import type { Kv } from '../kv/kv.ts';
import { TICKET_TTL_MS } from './websocket.ts';

export const TICKET_KEY_SECRET = 'websocket/ticket-key';
export const TICKET_KEY_BYTES = 32;
const TICKET_CHARS_MAX = 4_096;

const contentSchema = z.object({
  id: z.string(),
  expiresAtMs: z.number(),
  principal: z.object({
    subject: z.string(),
    tenant: z.string(),
    sites: z.array(z.string()),
    roles: z.array(z.enum(ROLES)),
  }),
});

/**
 * What opens a connection in place of a token: signed with a key that the processes of an
 * installation share, so that each of them takes the tickets of all. A used one is noted in `kv`:
 * where that is kept by each process, a ticket is good once in each of them.
 */
export interface Tickets {
  draw(principal: Principal): { readonly ticket: string; readonly expiresAtMs: number };
  /** Throws TOKEN_MISSING or TOKEN_INVALID. */
  redeem(ticket: string | undefined): Promise<Principal>;
}

export interface TicketsOptions {
  readonly key: Uint8Array;
  /** Where used tickets are noted. */
  readonly kv: Kv;
  readonly runtime: Pick<Runtime, 'clock' | 'random'>;
}

export function createTickets({ key, kv, runtime }: TicketsOptions): Tickets {
  const sign = (content: string): Buffer => createHmac('sha256', key).update(content).digest();
  return {
    draw(principal) {
      const expiresAtMs = runtime.clock.now() + TICKET_TTL_MS;
      const id = runtime.random.bytes(16).toString('base64url');
      const content = Buffer.from(JSON.stringify({ id, expiresAtMs, principal }));
      const text = content.toString('base64url');
      return { ticket: `${text}.${sign(text).toString('base64url')}`, expiresAtMs };
    },
    async redeem(ticket) {
      if (!ticket) throw new AppError('TOKEN_MISSING', 'draw a ticket by POST /v1/ws/tickets');
      const [text = '', proof = ''] = ticket.slice(0, TICKET_CHARS_MAX).split('.');
      const [expected, given] = [sign(text), Buffer.from(proof, 'base64url')];
      const isSigned = given.byteLength === expected.byteLength && timingSafeEqual(given, expected);
      if (!isSigned) throw invalid();
      const { id, expiresAtMs, principal } = contentSchema.parse(
        JSON.parse(Buffer.from(text, 'base64url').toString()),
      );
      if (expiresAtMs <= runtime.clock.now()) throw invalid();
      const options = { ttlMs: 2 * TICKET_TTL_MS };
      if (!(await kv.setIfAbsent(`websocket/ticket/${id}`, '', options))) throw invalid();
      return principal;
    },
  };
}

function invalid(): AppError {
  return new AppError('TOKEN_INVALID', 'the ticket is wrong, was used, or is too old');
}
