import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { noSteps, type Steps } from './steps.ts';
import { errorFromThread, errorToThread, type ThreadError } from './thread-error.ts';

/**
 * What a thread needs to reach the steps of its process: it goes with the thread's `workerData`,
 * and `replies` with its `transferList`.
 */
export interface StepGate {
  readonly passed: SharedArrayBuffer;
  readonly replies: MessagePort;
}

/** The side of the event loop. */
export interface StepKeeper {
  /** Undefined where nobody looks at the steps, as in the product: no thread stops for them. */
  readonly gate: StepGate | undefined;
  /** To be called when the thread says that it stands at a step: goes there, and lets it pass. */
  pass(step: string): void;
}

export function keepSteps(steps: Steps): StepKeeper {
  if (steps === noSteps) return { gate: undefined, pass: () => {} };
  const { port1, port2 } = new MessageChannel();
  port1.unref();
  const passed = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  return {
    gate: { passed: passed.buffer, replies: port2 },
    pass(step) {
      port1.postMessage(failureOf(steps, step));
      Atomics.store(passed, 0, 1);
      Atomics.notify(passed, 0);
    },
  };
}

/**
 * The steps as a thread reaches them: it stands still within one until the event loop's thread has
 * been there, and fails where that failed. So a process that is killed at a step is killed there,
 * in whichever thread it is.
 */
export function stepsOfProcess(gate: StepGate | undefined, say: (step: string) => void): Steps {
  if (!gate) return noSteps;
  const passed = new Int32Array(gate.passed);
  return {
    reach(step) {
      Atomics.store(passed, 0, 0);
      say(step);
      Atomics.wait(passed, 0, 0);
      const reply = receiveMessageOnPort(gate.replies) as { message: ThreadError | null };
      if (reply.message) throw errorFromThread(reply.message);
    },
  };
}

function failureOf(steps: Steps, step: string): ThreadError | null {
  try {
    steps.reach(step);
    return null;
  } catch (error) {
    return errorToThread(error);
  }
}
