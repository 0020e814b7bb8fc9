import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import type { Tracing } from '@holdfast/shared/runtime/tracing.ts';
import type { BlockHead } from '../buffer/buffer.ts';

/** The spans and the round trips of the blocks in flight. */
export interface InFlightSpans {
  /** Opens the block's span when it is traced; returns what to send as traceparent. */
  open(head: BlockHead, traceparent: string): string;
  /** Ends it; returns the round trip in seconds, or undefined when the block was not sent. */
  close(head: BlockHead, outcome: string): number | undefined;
  /** The stream is over: nothing is known of what was in flight. */
  closeAll(): void;
}

interface OpenSpan {
  readonly sentAtMs: number;
  readonly end: (outcome: string) => void;
}

export function createInFlightSpans(tracing: Tracing, clock: Clock): InFlightSpans {
  const open = new Map<string, OpenSpan>();
  return {
    open(head, traceparent) {
      const sentAtMs = clock.monotonicMs();
      if (traceparent === '') {
        open.set(nameOf(head), { sentAtMs, end: () => {} });
        return '';
      }
      const { lane, bytes } = head;
      const ended = Promise.withResolvers<string>();
      const options = { parent: traceparent, kind: 'client' as const, attributes: { lane, bytes } };
      let own = '';
      void tracing.span('uplink.send', options, async (span) => {
        own = span.traceparent;
        span.set('outcome', await ended.promise);
      });
      open.set(nameOf(head), { sentAtMs, end: ended.resolve });
      return own;
    },
    close(head, outcome) {
      const one = open.get(nameOf(head));
      if (!one) return undefined;
      open.delete(nameOf(head));
      one.end(outcome);
      return (clock.monotonicMs() - one.sentAtMs) / 1000;
    },
    closeAll() {
      for (const { end } of open.values()) end('unknown');
      open.clear();
    },
  };
}

export function nameOf({ incarnation, lane, range }: BlockHead): string {
  return `${incarnation}/${lane}/${range.first}`;
}
