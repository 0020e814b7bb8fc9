/** Bugs of durability that the torture must find, each in what the traced processes do. */
export const POWER_PLANTS = {
  'buffer-synchronous-normal': "the gateway's buffer commits without a sync",
  'cloud-synchronous-normal': "the cloud's log and stores commit without a sync",
  'no-directory-sync': 'new and renamed files are synced, their names are not',
} as const;

export type PowerPlant = keyof typeof POWER_PLANTS;

export function isPowerPlant(name: string): name is PowerPlant {
  return name in POWER_PLANTS;
}

export const POWER_PLANT_VARIABLE = 'TORTURE_POWER_PLANT';
