import { readFileSync } from 'node:fs';
import type { Ground } from '../ground.ts';

/** Beyond its own times: its start, and its wait for the last orders. */
const OVERTIME_MS_MAX = 60_000;
const CLOCK_TICKS_PER_SECOND = 100;

export interface GeneratorRun {
  readonly name: string;
  readonly entry: string;
  /** What it is told, as JSON in its first argument. */
  readonly load: { readonly warmUpMs: number; readonly measureMs: number };
}

/** One run of a load generator, as a process of its own; what its last line says. */
export async function runGenerator<T>(
  ground: Ground,
  { name, entry, load }: GeneratorRun,
): Promise<T> {
  const generator = ground.start({
    name,
    program: process.execPath,
    args: [entry, JSON.stringify(load)],
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const ms = load.warmUpMs + load.measureMs + OVERTIME_MS_MAX;
    timer = setTimeout(() => reject(new Error('the generator came to no end')), ms);
  });
  try {
    const code = await Promise.race([generator.ended, late]);
    if (code !== 0) throw new Error(`the generator failed: ${generator.output()}`);
  } finally {
    clearTimeout(timer);
  }
  return JSON.parse(generator.output().trim().split('\n').at(-1)!) as T;
}

/** User and system time of all threads (proc_pid_stat(5)). */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}
