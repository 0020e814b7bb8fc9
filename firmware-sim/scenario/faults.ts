import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Random } from '@holdfast/shared/runtime/random.ts';

/**
 * What goes wrong in the field: `dropout` the device goes silent for a while, its line is cut, and
 * now and then it starts anew; `reconnect` the line is cut in the midst of things, and comes back;
 * `duplicate` a message comes twice with the device's key; `unkeyed` a device sends no key, and
 * some messages twice; `skew` the device's clock is wrong: minutes off, a day off, or at 1970.
 */
export const FAULTS = ['dropout', 'reconnect', 'duplicate', 'unkeyed', 'skew'] as const;
export type Fault = (typeof FAULTS)[number];
export type FaultSet = ReadonlySet<Fault>;

export const NO_FAULTS: FaultSet = new Set();
export const ALL_FAULTS: FaultSet = new Set(FAULTS);

/** `none`, `default` (all), or names with commas between. */
export function parseFaults(text: string): FaultSet {
  if (text === 'none') return NO_FAULTS;
  if (text === 'default') return ALL_FAULTS;
  return new Set(text.split(',').map((name) => faultOf(name.trim())));
}

function faultOf(name: string): Fault {
  const fault = FAULTS.find((each) => each === name);
  if (fault) return fault;
  throw new AppError('REQUEST_INVALID', `--faults: "${name}" is no fault`, {
    hint: `none, default, or some of ${FAULTS.join(',')}`,
  });
}

export interface Habits {
  /**
   * Added to the device's clock; undefined when its clock stands at 1970 plus the time since its
   * start.
   */
  readonly clockOffsetMs: number | undefined;
  readonly isKeyed: boolean;
}

const DAY_MS = 86_400_000;
/** One device in so many has a wrong clock; one in so many has no key. */
const SKEWED_OF = 8;
const UNKEYED_OF = 10;
const OFFSETS_MS = [-10 * 60_000, 7 * 60_000, -90_000, DAY_MS, -DAY_MS];

/** What a device is like for good. */
export function drawHabits(faults: FaultSet, random: Random): Habits {
  // Drawn always, so that one fault more or less leaves the others as they were.
  const [skewed, unkeyed, kind] = [random.int(SKEWED_OF), random.int(UNKEYED_OF), random.int(6)];
  const isSkewed = faults.has('skew') && skewed === 0;
  return {
    clockOffsetMs: isSkewed ? OFFSETS_MS[kind] : 0,
    isKeyed: !(faults.has('unkeyed') && unkeyed === 0),
  };
}

export interface Mishap {
  readonly isTwice: boolean;
  /** The line is cut for so long before the message; 0 when it is not. */
  readonly cutMs: number;
  /** The device says nothing for so long; 0 when it speaks. */
  readonly silentMs: number;
  /** It comes back with a new boot, and counts from 1. */
  readonly isReboot: boolean;
}

const DUPLICATE_CHANCE = 0.02;
const DROPOUT_EVERY_MS = 10 * 60_000;
const RECONNECT_EVERY_MS = 5 * 60_000;
const SILENT_MS_MIN = 5_000;
const SILENT_MS_SPAN = 55_000;
const CUT_MS_SPAN = 2_000;

/** What happens at one message of a device that sends every `periodMs`. */
export function drawMishap(
  faults: FaultSet,
  { isKeyed, periodMs, random }: { isKeyed: boolean; periodMs: number; random: Random },
): Mishap {
  const twice = random.fraction() < DUPLICATE_CHANCE;
  const drops = random.fraction() < periodMs / DROPOUT_EVERY_MS && faults.has('dropout');
  const cuts = random.fraction() < periodMs / RECONNECT_EVERY_MS && faults.has('reconnect');
  const length = random.fraction();
  const silentMs = drops ? SILENT_MS_MIN + Math.floor(length * SILENT_MS_SPAN) : 0;
  const cutMs = cuts ? 1 + Math.floor(length * CUT_MS_SPAN) : 0;
  return {
    isTwice: twice && faults.has(isKeyed ? 'duplicate' : 'unkeyed'),
    silentMs,
    cutMs: drops ? silentMs : cutMs,
    isReboot: drops && length < 0.5,
  };
}
