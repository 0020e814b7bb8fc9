import { expect, it } from 'vitest';
import { GREETINGS_MAX, GREETINGS_WAITING_MAX, GreetingGate } from './greeting-gate.ts';

function crowd(gate: GreetingGate, count: number) {
  const entered: number[] = [];
  const leave = Array.from({ length: count }, (_, index) => gate.ask(() => entered.push(index)));
  return { entered, leave };
}

it('lets some in at once and the others in their order', () => {
  const { entered, leave } = crowd(new GreetingGate(), GREETINGS_MAX + 2);
  expect(entered).toHaveLength(GREETINGS_MAX);
  leave[3]!();
  leave[3]!();
  expect(entered.slice(GREETINGS_MAX)).toEqual([GREETINGS_MAX]);
});

it('forgets who gave up waiting', () => {
  const { entered, leave } = crowd(new GreetingGate(), GREETINGS_MAX + 2);
  leave[GREETINGS_MAX]!();
  leave[0]!();
  expect(entered.at(-1)).toBe(GREETINGS_MAX + 1);
});

it('sends away who would wait too long, with a time to come again', () => {
  const gate = new GreetingGate();
  crowd(gate, GREETINGS_MAX + GREETINGS_WAITING_MAX);
  expect(() => gate.ask(() => {})).toThrow(
    expect.objectContaining({ code: 'RATE_LIMITED', retryAfterMs: 4_000 }),
  );
});
