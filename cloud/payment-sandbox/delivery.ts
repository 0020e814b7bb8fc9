import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import type { HttpEnv } from '@holdfast/shared/runtime/http.ts';
import type { Context } from 'hono';
import type { Delivery } from './domain/behaviour.ts';
import type { SoapReply } from './soap-service.ts';

/** Longer than any client waits; the request's own deadline comes first. */
const HANG_MS = 60_000;

/** The part of node's response that a behaviour needs, where there is a socket. */
interface Outgoing {
  destroy(): void;
  once(event: 'finish', listener: () => void): void;
  readonly socket: { write(text: string): void } | null;
}

interface Delivering {
  readonly reply: SoapReply;
  readonly delivery: Delivery;
  readonly clock: Clock;
  readonly lateMs: number;
}

type Deliver = (c: Context<HttpEnv>, delivering: Delivering) => Promise<Response>;

const DELIVER: Readonly<Record<Delivery, Deliver>> = {
  answer: async (_c, { reply }) => responseOf(reply),
  hang: async (_c, { reply, clock }) => {
    await pause(clock, HANG_MS);
    return responseOf(reply);
  },
  late: async (_c, { reply, clock, lateMs }) => {
    await pause(clock, lateMs);
    return responseOf(reply);
  },
  twice: async (c, { reply }) => {
    const outgoing = outgoingOf(c);
    outgoing?.once('finish', () => outgoing.socket?.write(rawResponse(reply)));
    return responseOf(reply);
  },
  malformed: async (_c, { reply }) =>
    responseOf({ ...reply, text: reply.text.slice(0, reply.text.length / 2) }),
  drop: async (c, { reply }) => {
    outgoingOf(c)?.destroy();
    return responseOf(reply);
  },
  error: async () => new Response('out of order', { status: 500 }),
};

export function deliver(c: Context<HttpEnv>, delivering: Delivering): Promise<Response> {
  return DELIVER[delivering.delivery](c, delivering);
}

function responseOf({ status, contentType, text }: SoapReply): Response {
  return new Response(text, { status, headers: { 'content-type': contentType } });
}

/** A second answer that nobody asked for, on the same connection. */
function rawResponse({ contentType, text }: SoapReply): string {
  const length = Buffer.byteLength(text);
  const head = `content-type: ${contentType}\r\ncontent-length: ${length}`;
  return `HTTP/1.1 200 OK\r\n${head}\r\n\r\n${text}`;
}

function outgoingOf(c: Context<HttpEnv>): Outgoing | undefined {
  return (c.env as { outgoing?: Outgoing } | undefined)?.outgoing;
}

/** Keeps no process alive. */
function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}
