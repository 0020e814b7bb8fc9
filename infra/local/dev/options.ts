import { parseArgs } from 'node:util';

export interface DevOptions {
  readonly fresh: boolean;
  /** A CSV file of recorded readings; undefined for the one in the repository. */
  readonly recording: string | undefined;
  readonly speed: string | undefined;
  readonly simulate: boolean;
}

export const HELP = `npm start -- [options]

Starts a cloud, a gateway, simulated sensors, a scanner, and a customer who orders, on this machine,
on loopback only.

  --recording FILE   replay this CSV (ts_iso,device,metric,value), not the repository's
  --speed N          replay N times as fast, or "max"
  --no-simulation    start no simulated sensors, scanner and customer
  --fresh            start empty: removes what earlier starts left in .holdfast/
  --help             this text

Settings: HOLDFAST_MQTT_PORT, HOLDFAST_HTTP_PORT (cloud), HOLDFAST_PAGES_PORT (gateway),
HOLDFAST_EDGE_LINK_PORT, HOLDFAST_INTERNAL_PORT, HOLDFAST_PAYMENT_SANDBOX_PORT choose ports; a
port in use is replaced by the next free one.
HOLDFAST_HOME keeps everything in another folder than .holdfast/.
`;

export function parseOptions(args: readonly string[]): DevOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      fresh: { type: 'boolean', default: false },
      recording: { type: 'string' },
      speed: { type: 'string' },
      'no-simulation': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    fresh: values.fresh,
    recording: values.recording,
    speed: values.speed,
    simulate: !values['no-simulation'],
  };
}
