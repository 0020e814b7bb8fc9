import { z } from 'zod';
import { type Api, addRoute } from '../http/api.ts';
import type { Tickets } from './ticket.ts';

const ticketAnswer = z
  .strictObject({ ticket: z.string(), expiresAt: z.iso.datetime() })
  .meta({ id: 'WebSocketTicket' });

export function addTicketRoute(api: Api, tickets: Tickets): void {
  const route = {
    method: 'post',
    path: '/v1/ws/tickets',
    tag: 'websocket',
    summary: 'A ticket that opens a WebSocket at /v1/ws?ticket=…',
    description:
      'Good once, for 30 seconds. The frames are described in proto/asyncapi.yaml. Each call ' +
      'draws another ticket, and one that is not used expires: no key is needed.',
    caller: ['customer', 'operator', 'manager', 'administrator'],
    answers: { 200: { description: 'The ticket.', body: ticketAnswer } },
  } as const;
  addRoute(api, route, ({ c, principal }) => {
    const { ticket, expiresAtMs } = tickets.draw(principal);
    const expiresAt = new Date(expiresAtMs).toISOString();
    return c.json({ ticket, expiresAt }, 200, { 'cache-control': 'no-store' });
  });
}
