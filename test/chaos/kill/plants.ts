/** Bugs that the torture must find, each put between a port and its user in a victim process. */
export const PLANTS = {
  'acknowledge-before-commit':
    'the gateway acknowledges a message while its commit is still to come',
  'position-outside-transaction': 'telemetry stores its position in a transaction of its own',
  'acknowledge-before-append': 'edge-link acknowledges a block while its append is still to come',
  'delete-before-acknowledgement': 'the gateway frees a block when it is sent',
  'range-off-by-one': 'the gateway frees one sequence more than was acknowledged',
  'resend-under-new-incarnation':
    'after a Welcome the gateway sends what is pending under a new incarnation',
} as const;

export type Plant = keyof typeof PLANTS;

export function isPlant(name: string): name is Plant {
  return name in PLANTS;
}
