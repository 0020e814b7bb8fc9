import { eventually } from './eventually.ts';
import type { Caller } from './shopping.ts';

export interface LiveEvent {
  readonly type: string;
  readonly subject: string;
}

interface Frame {
  readonly type: string;
  readonly event?: LiveEvent;
  readonly resumeToken?: string;
  readonly traceparent?: string;
}

/** Who watches the channel `orders` at /v1/ws, as a page does. */
export class LiveOrders {
  readonly frames: Frame[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  readonly #socket: WebSocket;

  private constructor(url: string) {
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener('message', ({ data }) => {
      this.frames.push(JSON.parse(String(data)) as Frame);
    });
    this.#socket.addEventListener('close', ({ code, reason }) => {
      this.closed = { code, reason };
    });
  }

  /** Live when this resolves; with a resume token from where the earlier connection ended. */
  static async watch(caller: Caller, resumeToken?: string): Promise<LiveOrders> {
    const live = new LiveOrders(
      `${caller.url.replace('http', 'ws')}/v1/ws?ticket=${await ticketOf(caller)}`,
    );
    await live.frame('welcome');
    live.say(
      resumeToken === undefined
        ? { type: 'subscribe', channel: 'orders' }
        : { type: 'resume', token: resumeToken },
    );
    await live.frame('subscribed');
    return live;
  }

  say(frame: object): void {
    this.#socket.send(JSON.stringify(frame));
  }

  /** The first frame of a type; waits for it. */
  frame(type: string): Promise<Frame> {
    return eventually(`a frame ${type}`, () => {
      const found = this.frames.find((frame) => frame.type === type);
      if (found || !this.closed) return found;
      throw new Error(`closed with ${this.closed.code} ${this.closed.reason}`);
    });
  }

  /** The types of the order's events, in the order in which they were shown. */
  shown(orderId: string): readonly string[] {
    return this.frames.flatMap(({ event }) => (event?.subject === orderId ? event.type : []));
  }

  close(): void {
    this.#socket.close();
  }
}

export async function ticketOf({ url, token }: Caller): Promise<string> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}/v1/ws/tickets`, { method: 'POST', headers });
  if (!answer.ok) throw new Error(`no ticket: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { ticket: string }).ticket;
}
