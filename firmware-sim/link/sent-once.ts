import type { Packet } from 'mqtt';

/**
 * Knows which QoS 1 and 2 messages went out before, so that the next time they carry DUP
 * [MQTT-3.3.1-1].
 */
export class SentOnce {
  readonly #packetIds = new Set<number>();

  /** Called with each packet before it is written. True when it is a PUBLISH that is sent again. */
  mark(packet: Packet): boolean {
    if (packet.cmd !== 'publish' || packet.qos === 0 || packet.messageId === undefined)
      return false;
    if (!this.#packetIds.has(packet.messageId)) {
      this.#packetIds.add(packet.messageId);
      return false;
    }
    packet.dup = true;
    return true;
  }

  /**
   * Called with each packet that came in: an acknowledged packet id is free for another message.
   */
  settle(packet: Packet): void {
    if (packet.cmd !== 'puback' && packet.cmd !== 'pubcomp') return;
    if (packet.messageId !== undefined) this.#packetIds.delete(packet.messageId);
  }
}
