import type { Aedes, Client } from 'aedes';
import type { Buffer as GatewayBuffer } from '../buffer/buffer.ts';

/** The part of an Aedes persistence where QoS 2 exchanges begin and end. */
interface ExchangePersistence {
  incomingGetPacket(client: Client, packet: IncomingPacket): Promise<unknown>;
  cleanIncoming(client: Client): Promise<void>;
}

interface IncomingPacket {
  readonly cmd: string;
  readonly messageId?: number;
}

/**
 * Ties the buffer's exchanges to Aedes' own state. A PUBREL asks for its packet whether Aedes knows
 * it or not (after a restart it does not), so that is where the packet id is freed, before the
 * PUBCOMP. A clean session begins and ends with `cleanIncoming`, after its predecessor was shut
 * out.
 */
export function bindExchanges(broker: Aedes, buffer: GatewayBuffer): void {
  const { persistence } = broker as unknown as { persistence: ExchangePersistence };
  const getPacket = persistence.incomingGetPacket.bind(persistence);
  const cleanIncoming = persistence.cleanIncoming.bind(persistence);
  persistence.incomingGetPacket = async (client, packet) => {
    if (packet.cmd === 'pubrel') await release(buffer, client, packet);
    return getPacket(client, packet);
  };
  persistence.cleanIncoming = async (client) => {
    await buffer.forgetClient(client.id);
    return cleanIncoming(client);
  };
}

async function release(
  buffer: GatewayBuffer,
  client: Client,
  { messageId }: IncomingPacket,
): Promise<void> {
  if (messageId === undefined) return;
  try {
    await buffer.release({ clientId: client.id, packetId: messageId });
  } catch (cause) {
    // Aedes sends the PUBCOMP even when this rejects. The client would use the id again, and we
    // would take its next message for a repeat: so the connection goes first.
    client.conn.destroy();
    throw cause;
  }
}

/** The part of an Aedes client that ends it when nothing comes [MQTT-3.1.2-24]. */
interface KeptAlive {
  readonly _keepaliveInterval: number;
  readonly _keepaliveTimer: { refresh(): void } | null;
}

/** Something came from the client that Aedes does not see. */
export function keepAlive(client: Client): void {
  const { _keepaliveInterval, _keepaliveTimer } = client as unknown as KeptAlive;
  if (_keepaliveInterval > 0) _keepaliveTimer?.refresh();
}
