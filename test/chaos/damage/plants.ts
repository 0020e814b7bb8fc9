/** Bugs that the damage torture must find. */
export const PLANTS = {
  'no-checksum-check': 'the gateway takes what a group holds for what was written',
  'forgotten-settlement': 'the salvage forgets to record what it could not read',
  'no-witness': 'the gateway takes an older state of its buffer for the present one',
  'deduplication-without-incarnation':
    'the cloud tells a repeat by its sequence, whatever the incarnation',
} as const;

export type DamagePlant = keyof typeof PLANTS;

export function isDamagePlant(name: string): name is DamagePlant {
  return name in PLANTS;
}
