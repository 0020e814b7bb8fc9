import type { Buffer as GatewayBuffer } from '../../../edge/buffer/buffer.ts';
import { overlay } from '../kill/overlay.ts';

/** Bugs that the torture must find, each put between the gateway's buffer and its users. */
export const PLANTS = {
  'condensed-after-sent': 'the gateway forgets what it has handed to the line',
} as const;

export type Plant = keyof typeof PLANTS;

export function plantInBuffer(
  plant: string,
): ((buffer: GatewayBuffer) => GatewayBuffer) | undefined {
  if (plant !== 'condensed-after-sent') return undefined;
  return (buffer) =>
    overlay(buffer, {
      async read(head) {
        const block = await buffer.read(head);
        await buffer.forgetSent();
        return block;
      },
    });
}
