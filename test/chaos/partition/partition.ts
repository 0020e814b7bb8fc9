import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { type House, prepareHouse } from '../../e2e/house.ts';
import type { Verdict } from '../kill/audit.ts';
import { conclude, DRAIN_TIMEOUT_MS, PLANTED_DRAIN_TIMEOUT_MS } from '../kill/kill.ts';
import { PLANT_VARIABLE } from '../kill/killing-steps.ts';
import { type Load, startLoad } from '../kill/load.ts';
import type { Plant } from '../kill/plants.ts';
import { drawFault, type Fault, pause, suffer } from './faults.ts';

const CLIENT_COUNT = 6;
const PUBLISH_SHARE = 0.4;

/** A run is short, so both ends give a silent peer up soon. */
const IMPATIENCE = {
  HOLDFAST_UPLINK_CONNECT_TIMEOUT_MS: '500',
  HOLDFAST_UPLINK_WELCOME_TIMEOUT_MS: '1000',
  HOLDFAST_UPLINK_ACK_TIMEOUT_MS: '700',
  HOLDFAST_UPLINK_REPORT_EVERY_MS: '1000',
  HOLDFAST_EDGE_LINK_HELLO_TIMEOUT_MS: '700',
  HOLDFAST_EDGE_LINK_IDLE_TIMEOUT_MS: '2000',
};

export interface PartitionOptions {
  readonly cycles: number;
  readonly seed: number;
  readonly plant?: Plant | undefined;
  readonly progress: (text: string) => void;
}

export interface PartitionReport {
  readonly verdict: Verdict;
  readonly faults: ReadonlyMap<Fault, number>;
  /** Connections that the gateway opened. */
  readonly connections: number;
}

/**
 * Cuts, tears, slows and stretches the line between gateway and cloud, and restarts the cloud, once
 * a cycle and under load; then lets everything drain, and audits both ends.
 */
export async function runPartition(options: PartitionOptions): Promise<PartitionReport> {
  const house = await prepareHouse({
    cloudEntry: 'test/chaos/kill/victim-cloud.ts',
    gatewayEntry: 'test/chaos/kill/victim-gateway.ts',
    env: { HOLDFAST_LOG_LEVEL: 'warn', [PLANT_VARIABLE]: options.plant ?? '', ...IMPATIENCE },
    line: {},
  });
  try {
    house.cloud.start();
    await house.cloudReady();
    await house.enrol();
    house.gateway.start();
    await house.gatewayReady();
    // The load draws from a stream of its own: how fast it goes must not change what happens.
    const load = startLoad({
      port: house.mqttPort,
      clientCount: CLIENT_COUNT,
      random: seededRandom(options.seed + 1),
      share: PUBLISH_SHARE,
    });
    return await partitionUnderLoad(house, load, options);
  } finally {
    await house.close();
  }
}

async function partitionUnderLoad(
  house: House,
  load: Load,
  { cycles, seed, plant, progress }: PartitionOptions,
): Promise<PartitionReport> {
  const random = seededRandom(seed);
  const line = house.line!;
  const faults = new Map<Fault, number>();
  for (let cycle = 1; cycle <= cycles; cycle++) {
    const drawn = drawFault(random);
    faults.set(drawn.fault, (faults.get(drawn.fault) ?? 0) + 1);
    await suffer({ house, line }, drawn);
    progress(`cycle ${cycle}/${cycles}: ${drawn.fault} for ${drawn.forMs} ms`);
    await pause(drawn.calmMs);
  }
  const timeoutMs = plant ? PLANTED_DRAIN_TIMEOUT_MS : DRAIN_TIMEOUT_MS;
  const verdict = await conclude(house, load, timeoutMs);
  await load.end();
  return { verdict, faults, connections: line.opened() };
}
