import { InvalidArgumentError } from 'commander';
import type { Speed } from './recording/pace.ts';
import { RATE_MAX } from './scenario/cold-store.ts';

export function integer(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('give an integer of at least 0.');
}

export function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('give a number above 0.');
}

export function atMost(most: number): (text: string) => number {
  return (text) => {
    const value = integer(text);
    if (value >= 1 && value <= most) return value;
    throw new InvalidArgumentError(`give an integer from 1 to ${most}.`);
  };
}

export function rate(text: string): number {
  const value = positive(text);
  if (value <= RATE_MAX) return value;
  throw new InvalidArgumentError(`at most ${RATE_MAX} a second.`);
}

export function speed(text: string): Speed {
  return text === 'max' || Number(text) === 0 ? 'max' : positive(text);
}
