import type { LogLevel } from '@holdfast/shared/runtime/logger.ts';
import { type Runtime, systemRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { noSteps } from '@holdfast/shared/runtime/steps.ts';
import { killingSteps, PLANT_VARIABLE, sentenceFromEnvironment } from './killing-steps.ts';

/** The product's runtime, with steps that kill when this process is sentenced. */
export function victimRuntime(name: string, logLevel: LogLevel): Promise<Runtime> {
  const sentence = sentenceFromEnvironment();
  return systemRuntime({ name, logLevel, steps: sentence ? killingSteps(sentence) : noSteps });
}

/** The bug that is planted in this process; an empty text when there is none. */
export function plantFromEnvironment(): string {
  return process.env[PLANT_VARIABLE] ?? '';
}
