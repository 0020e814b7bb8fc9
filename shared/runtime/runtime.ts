import { type Clock, systemClock } from './clock.ts';
import { createLogger, type Logger, type LogLevel, silentLogger } from './logger.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { type Random, systemRandom } from './random.ts';
import { noSteps, type Steps } from './steps.ts';
import { noTracing, startTracing, type Tracing, type TracingOptions } from './tracing.ts';

/** The world as a part of the product sees it. A simulation hands in another one. */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly tracing: Tracing;
  readonly metrics: Metrics;
  readonly steps: Steps;
}

export interface SystemRuntimeOptions {
  readonly name: string;
  readonly logLevel: LogLevel;
  /** Logs go here instead of stderr. */
  readonly logFile?: string;
  readonly tracing?: TracingOptions;
  readonly steps?: Steps;
}

export async function systemRuntime(options: SystemRuntimeOptions): Promise<Runtime> {
  return {
    clock: systemClock,
    random: systemRandom,
    log: createLogger({
      name: options.name,
      level: options.logLevel,
      ...(options.logFile === undefined ? {} : { file: options.logFile }),
    }),
    tracing: await startTracing(options.name, options.tracing ?? { exporter: 'none' }),
    metrics: createMetrics({ processMetrics: true }),
    steps: options.steps ?? noSteps,
  };
}

/** Silent, on the system's clock, with metrics of its own; a test replaces what it looks at. */
export function testRuntime(replaced: Partial<Runtime> = {}): Runtime {
  return {
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    tracing: noTracing,
    metrics: createMetrics({ processMetrics: false }),
    steps: noSteps,
    ...replaced,
  };
}
