import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Random, seededRandom } from '@holdfast/shared/runtime/random.ts';
import { type CloudWorld, cloudWorld } from '../../e2e/edge-stream/cloud.fixture.ts';
import { buildMaster, type Master } from './content.ts';
import { type CycleResult, runCycle } from './cycle.ts';
import type { DamagePlant } from './plants.ts';

/** So many cycles share the content and the cloud. */
const CYCLES_PER_WORLD = 20;
const FINDINGS_MAX = 10;

export interface DamageOptions {
  readonly cycles: number;
  readonly seed: number;
  /** This cycle alone. */
  readonly only?: number | undefined;
  readonly plant?: DamagePlant;
  readonly progress: (text: string) => void;
}

export interface DamageReport {
  readonly acked: number;
  readonly stored: number;
  readonly delivered: number;
  readonly condensed: number;
  readonly dropped: number;
  /** Lost to the fault, and told: in a durable record of the gateway. */
  readonly damaged: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly failedStarts: number;
  readonly findings: readonly string[];
}

/** Damages a gateway's files once a cycle, starts it on them, drains it, and audits both ends. */
export async function runDamage(options: DamageOptions): Promise<DamageReport> {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-damage-'));
  const results: CycleResult[] = [];
  const findings: string[] = [];
  try {
    for (let first = 1; first <= options.cycles; first += CYCLES_PER_WORLD) {
      const cycles = cyclesOf(first, options);
      if (cycles.length === 0) continue;
      const world = await openWorld(join(root, `${first}`), options.seed + first);
      try {
        for (const cycle of cycles) {
          const result = await cycleOf(world, cycle, options);
          results.push(result);
          const found = [...result.verdict.findings];
          if (result.failedStart) found.unshift(`the start failed: ${result.failedStart}`);
          const few = found.slice(0, FINDINGS_MAX).map((text) => `cycle ${cycle}: ${text}`);
          if (few.length > 0) findings.push(`cycle ${cycle}: ${result.fault}`, ...few);
          options.progress(`cycle ${cycle}/${options.cycles}: ${result.fault}`);
        }
      } finally {
        await world.cloud.remove();
      }
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return reportOf(results, findings);
}

/** Those that share the world of the first one. */
function cyclesOf(first: number, { cycles, only }: DamageOptions): number[] {
  const count = Math.min(CYCLES_PER_WORLD, cycles - first + 1);
  const all = Array.from({ length: count }, (_, at) => first + at);
  return only === undefined ? all : all.filter((cycle) => cycle === only);
}

interface World {
  readonly root: string;
  readonly cloud: CloudWorld;
  readonly masters: readonly Master[];
}

async function openWorld(root: string, seed: number): Promise<World> {
  const random = seededRandom(seed);
  const masters = [
    await buildMaster(join(root, 'killed'), { random, killed: true }),
    await buildMaster(join(root, 'stopped'), { random, killed: false }),
  ];
  const cloud = await cloudWorld();
  await cloud.start();
  return { root, cloud, masters };
}

/** Each cycle draws from a stream of its own, so that one can be run again alone. */
function cycleOf(
  { root, cloud, masters }: World,
  cycle: number,
  { seed, plant }: DamageOptions,
): Promise<CycleResult> {
  const random: Random = seededRandom(seed * 100_003 + cycle);
  const master = masters[random.int(masters.length)]!;
  const name = `damage-${cycle}`;
  return runCycle({ name, master, folder: join(root, name), cloud, random, plant });
}

function reportOf(results: readonly CycleResult[], findings: readonly string[]): DamageReport {
  const total = (count: (result: CycleResult) => number): number =>
    results.reduce((sum, result) => sum + count(result), 0);
  const delivered = total(({ verdict }) => verdict.delivered);
  const condensed = total(({ verdict }) => verdict.condensed);
  const dropped = total(({ verdict }) => verdict.dropped);
  return {
    acked: total(({ verdict }) => verdict.acked),
    stored: delivered + condensed + dropped,
    delivered,
    condensed,
    dropped,
    damaged: total(({ verdict }) => verdict.damaged),
    lost: total(({ verdict }) => verdict.lost),
    duplicated: total(({ verdict }) => verdict.duplicated),
    failedStarts: results.filter(({ failedStart }) => failedStart !== undefined).length,
    findings,
  };
}
