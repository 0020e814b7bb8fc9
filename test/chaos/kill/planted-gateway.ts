import type { Block } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { blockChecksum } from '@holdfast/shared/lib/block-checksum.ts';
import { uuidV7 } from '@holdfast/shared/lib/ids.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { AppendOutcome, Buffer as GatewayBuffer } from '../../../edge/buffer/buffer.ts';
import { overlay } from './overlay.ts';
import type { Plant } from './plants.ts';

const COMMIT_DELAY_MS = 30;

/** The gateway's buffer with one bug. */
export function plantInBuffer(
  plant: Plant,
  runtime: Runtime,
): (buffer: GatewayBuffer) => GatewayBuffer {
  return (buffer) => overlay(buffer, bugs(buffer, runtime)[plant] ?? {});
}

function bugs(
  buffer: GatewayBuffer,
  runtime: Runtime,
): Partial<Record<Plant, Partial<GatewayBuffer>>> {
  const { clock, random } = runtime;
  const drawn = (): string => uuidV7(clock.now(), random.bytes(10));
  let reborn = drawn();
  return {
    'acknowledge-before-commit': {
      async append(message): Promise<AppendOutcome> {
        clock.after(COMMIT_DELAY_MS, () => void buffer.append(message));
        return { kind: 'stored', sequence: 0n };
      },
      offer(message, by): AppendOutcome {
        clock.after(COMMIT_DELAY_MS, () => void buffer.append(message));
        by.joined = {};
        queueMicrotask(() => by.settled({ kind: 'durable' }));
        return { kind: 'stored', sequence: 0n };
      },
    },
    'delete-before-acknowledgement': {
      async read(head): Promise<Block> {
        const block = await buffer.read(head);
        const durable = { contiguous: 0n, ranges: [head.range] };
        await buffer.acknowledge(head.incarnation, head.lane, durable);
        return block;
      },
    },
    'range-off-by-one': {
      async acknowledge(incarnation, lane, durable) {
        const ranges = durable.ranges.map(({ first, last }) => ({ first, last: last + 1n }));
        const contiguous = durable.contiguous === 0n ? 0n : durable.contiguous + 1n;
        await buffer.acknowledge(incarnation, lane, { contiguous, ranges });
      },
    },
    'resend-under-new-incarnation': {
      async holdTurn(turn) {
        reborn = drawn();
        await buffer.holdTurn(turn);
      },
      async read(head): Promise<Block> {
        const block = { ...(await buffer.read(head)), incarnation: reborn };
        return { ...block, checksum: blockChecksum(block) };
      },
    },
  };
}
