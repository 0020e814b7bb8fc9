import { AppError } from '../lib/app-error.ts';
import { assert } from '../lib/assert.ts';
import { type Clock, type Deadline, withDeadline } from './clock.ts';
import type { Logger } from './logger.ts';

export type ModuleState =
  | 'waiting'
  | 'starting'
  | 'ready'
  | 'degraded'
  | 'stopping'
  | 'stopped'
  | 'failed';

/** A part of a process: started after what it needs, stopped before it, each with a deadline. */
export interface Module {
  readonly name: string;
  readonly needs: readonly string[];
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Why it is not as it should be, while it runs; undefined when all is well. Shown by /readyz. */
  degraded?(): string | undefined;
}

export interface ModuleStatus {
  readonly name: string;
  readonly state: ModuleState;
  readonly detail?: string;
}

export const START_TIMEOUT_MS = 30_000;
export const STOP_TIMEOUT_MS = 10_000;

export interface Modules {
  start(): Promise<void>;
  /** Stops in reverse order; a module that fails to stop does not keep the others from it. */
  stop(): Promise<void>;
  status(): readonly ModuleStatus[];
  /** True when every module is ready. */
  ready(): boolean;
}

export function createModules(
  modules: readonly Module[],
  { clock, log }: { clock: Clock; log: Logger },
): Modules {
  const order = startOrder(modules);
  const states = new Map<string, ModuleState>(order.map((module) => [module.name, 'waiting']));
  const deadline = (name: string, verb: string, ms: number): Deadline => ({
    clock,
    ms,
    late: () => new AppError('DEADLINE_EXCEEDED', `module ${name} did not ${verb} within ${ms} ms`),
  });

  const start = async (module: Module): Promise<void> => {
    states.set(module.name, 'starting');
    try {
      await withDeadline(module.start(), deadline(module.name, 'start', START_TIMEOUT_MS));
      states.set(module.name, 'ready');
    } catch (cause) {
      states.set(module.name, 'failed');
      throw cause;
    }
  };
  const stop = async (module: Module): Promise<void> => {
    const state = states.get(module.name);
    if (state === 'waiting' || state === 'stopped') return;
    states.set(module.name, 'stopping');
    try {
      await withDeadline(module.stop(), deadline(module.name, 'stop', STOP_TIMEOUT_MS));
      states.set(module.name, 'stopped');
    } catch (cause) {
      states.set(module.name, 'failed');
      log.error({ err: cause, module: module.name }, 'module did not stop cleanly');
    }
  };
  const status = (): ModuleStatus[] =>
    order.map((module) => {
      const state = states.get(module.name)!;
      const detail = state === 'ready' ? module.degraded?.() : undefined;
      return detail === undefined
        ? { name: module.name, state }
        : { name: module.name, state: 'degraded', detail };
    });

  return {
    async start() {
      for (const module of order) await start(module);
    },
    async stop() {
      for (const module of order.toReversed()) await stop(module);
    },
    status,
    ready: () => status().every((module) => module.state === 'ready'),
  };
}

function startOrder(modules: readonly Module[]): Module[] {
  const byName = new Map(modules.map((module) => [module.name, module]));
  assert(byName.size === modules.length, 'module names are unique');
  const order: Module[] = [];
  const marks = new Map<string, 'open' | 'done'>();
  const visit = (module: Module): void => {
    if (marks.get(module.name) === 'done') return;
    assert(marks.get(module.name) !== 'open', `module ${module.name} needs itself`);
    marks.set(module.name, 'open');
    for (const need of module.needs) {
      const needed = byName.get(need);
      assert(needed, `module ${module.name} needs ${need}, which is not there`);
      visit(needed);
    }
    marks.set(module.name, 'done');
    order.push(module);
  };
  for (const module of modules) visit(module);
  return order;
}
