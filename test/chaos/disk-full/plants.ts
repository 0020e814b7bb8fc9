import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Buffer as GatewayBuffer } from '../../../edge/buffer/buffer.ts';
import { overlay } from '../kill/overlay.ts';

/** Bugs that the torture must find, each put between the gateway's buffer and its users. */
export const PLANTS = {
  'condensed-after-sent': 'the gateway forgets what it has handed to the line',
  'acknowledge-when-full': 'the gateway acknowledges a message that found no room',
} as const;

export type Plant = keyof typeof PLANTS;

const PATIENCE_MS = 100;

export function plantInBuffer(
  plant: string,
  { clock }: Runtime,
): ((buffer: GatewayBuffer) => GatewayBuffer) | undefined {
  if (plant === 'condensed-after-sent')
    return (buffer) =>
      overlay(buffer, {
        async read(head) {
          const block = await buffer.read(head);
          await buffer.forgetSent();
          return block;
        },
      });
  if (plant === 'acknowledge-when-full')
    return (buffer) =>
      overlay(buffer, {
        append: (message) =>
          Promise.race([
            buffer.append(message),
            clock.sleep(PATIENCE_MS).then(() => ({ kind: 'stored', sequence: 0n }) as const),
          ]),
      });
  return undefined;
}
