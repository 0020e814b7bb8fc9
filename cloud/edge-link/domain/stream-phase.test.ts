import { expect, it } from 'vitest';
import { FRAME_KINDS, frameAction, STREAM_PHASES } from './stream-phase.ts';

it('admits one Hello, at the beginning', () => {
  const admitted = STREAM_PHASES.filter((phase) => frameAction(phase, 'hello') === 'greet');
  expect(admitted).toEqual(['opened']);
});

it('takes blocks only after the Welcome, and lets each show the turn', () => {
  expect(STREAM_PHASES.map((phase) => frameAction(phase, 'block'))).toEqual([
    'violation',
    'violation',
    'show-turn-and-take',
    'take',
    'ignore',
  ]);
});

it('ignores everything once the stream has ended', () => {
  expect(new Set(FRAME_KINDS.map((kind) => frameAction('ended', kind)))).toEqual(
    new Set(['ignore']),
  );
});
