import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog } from '../platform/event-log/event-log.ts';
import type { Api } from '../platform/http/api.ts';
import type { Kv } from '../platform/kv/kv.ts';
import type { Secrets } from '../platform/secrets/secrets.ts';
import type { WebSockets } from '../platform/websocket/websocket.ws.ts';
import type { ServiceHandle } from '../service.ts';

export interface WiredWebSockets extends WebSockets {
  addRoutes(api: Api): void;
}

interface Wiring {
  readonly ports: {
    eventLog(): Promise<EventLog>;
    kv(): Promise<Kv>;
    secrets(): Promise<Secrets>;
  };
  readonly runtime: Runtime;
}

/** `/v1/ws`, in each process of which a service has something to show. */
export async function wireWebSockets(
  services: readonly ServiceHandle[],
  { ports, runtime }: Wiring,
): Promise<WiredWebSockets | undefined> {
  const channels = services.flatMap((service) => service.channels ?? []);
  if (channels.length === 0) return undefined;
  const ticket = await import('../platform/websocket/ticket.ts');
  const { addTicketRoute } = await import('../platform/websocket/ticket-route.ts');
  const { openWebSockets } = await import('../platform/websocket/websocket.ws.ts');
  const secrets = await ports.secrets();
  const key = await secrets.ensure(ticket.TICKET_KEY_SECRET, async () =>
    runtime.random.bytes(ticket.TICKET_KEY_BYTES),
  );
  const tickets = ticket.createTickets({ key, kv: await ports.kv(), runtime });
  const sockets = openWebSockets({ channels, tickets, log: await ports.eventLog(), runtime });
  return { ...sockets, addRoutes: (api) => addTicketRoute(api, tickets) };
}
