import {
  parentPort,
  type ResourceLimits,
  type Transferable,
  Worker,
  workerData,
} from 'node:worker_threads';
import { AppError } from '../lib/app-error.ts';
import { assert } from '../lib/assert.ts';
import { withDeadline } from './clock.ts';
import type { Runtime } from './runtime.ts';
import type { Steps } from './steps.ts';
import { errorFromThread, errorToThread, type ThreadError } from './thread-error.ts';
import { keepSteps, type StepGate, type StepKeeper, stepsOfProcess } from './thread-steps.ts';

/** How long `close` waits for the calls before it and for the thread's end. */
export const CLOSE_TIMEOUT_MS = 30_000;

/**
 * A thread that performs what it is asked for. Whoever starts it closes it.
 *
 * - Calls are performed one at a time, in the order in which they were made, and settle in it.
 * - A call rejects with what its work threw; the calls behind it go on.
 * - When the thread ends, every call that waits and every later one rejects with UNAVAILABLE;
 *   nobody knows then which of those that waited were performed.
 */
export interface Thread<Request> {
  /** What is in `transfers` moves to the thread; the rest is copied. */
  call<Result>(request: Request, transfers?: readonly Transferable[]): Promise<Result>;
  /**
   * After the calls that were made before; later ones are refused. Resolves when the thread is
   * gone. After the deadline it rejects with UNAVAILABLE, and the thread is ended where it stands.
   */
  close(): Promise<void>;
}

export interface ThreadOptions<Start, State> {
  /** The file that it runs, which calls `serveThread`. */
  readonly file: URL;
  /** Which thread it is, in messages: "the thread that …". */
  readonly name: string;
  /** What the thread's side is opened with. */
  readonly start: Start;
  readonly runtime: Pick<Runtime, 'clock' | 'steps'>;
  readonly limits?: ResourceLimits;
  /** Told with each result, before its call resolves. */
  readonly onState?: (state: State) => void;
  /** Told once, when it ends without having been asked to. */
  readonly onEnd?: (cause: unknown) => void;
}

/** The thread's own side. */
export interface ThreadService<Request, State = undefined> {
  perform(request: Request): unknown;
  /** What the caller's side is to know after each call that did not fail. */
  state?(): State;
  /** What is to be done after each call, when its answer is on the way. */
  answered?(): void;
  close(): void;
}

interface ThreadData<Start> {
  readonly start: Start;
  readonly gate: StepGate | undefined;
}

type ThreadAnswer<State> =
  | { readonly kind: 'step'; readonly step: string }
  | { readonly kind: 'done'; readonly result: unknown; readonly state: State | undefined }
  | { readonly kind: 'failed'; readonly error: ThreadError };

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** In place of a request: nothing follows it. */
const CLOSE = 'close';

export function startThread<Start, Request extends object, State = undefined>(
  options: ThreadOptions<Start, State>,
): Thread<Request> {
  return new CalledThread(options);
}

/** Makes the file that calls it the one that a thread runs. */
export function serveThread<Start, Request extends object, State = undefined>(
  open: (start: Start, steps: Steps) => ThreadService<Request, State>,
): void {
  assert(parentPort, 'this file is started as a thread');
  const port = parentPort;
  const answer = (what: ThreadAnswer<State>): void => port.postMessage(what);
  const { start, gate } = workerData as ThreadData<Start>;
  const service = open(
    start,
    stepsOfProcess(gate, (step) => answer({ kind: 'step', step })),
  );
  port.on('message', (request: Request | typeof CLOSE) => {
    if (request === CLOSE) {
      service.close();
      port.close();
      return;
    }
    try {
      const result = service.perform(request);
      answer({ kind: 'done', result, state: service.state?.() });
    } catch (error) {
      answer({ kind: 'failed', error: errorToThread(error) });
    }
    service.answered?.();
  });
}

class CalledThread<Start, Request extends object, State> implements Thread<Request> {
  readonly #options: ThreadOptions<Start, State>;
  readonly #steps: StepKeeper;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  /** In the order of the calls, which is the order of the answers. */
  readonly #waiting: Waiting[] = [];
  #ended: AppError | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ThreadOptions<Start, State>) {
    this.#options = options;
    this.#steps = keepSteps(options.runtime.steps);
    const worker = startWorker(options, this.#steps);
    this.#worker = worker;
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()));
    // An error is followed by the exit: the first of them says why.
    worker.on('error', (cause) => this.#end(cause));
    worker.on('exit', (code) => this.#end(new Error(`it exited with ${code}`)));
    worker.on('message', (answer: ThreadAnswer<State>) => this.#take(answer));
  }

  call<Result>(request: Request, transfers: readonly Transferable[] = []): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#ended || this.#closing) {
        reject(this.#ended ?? this.#unavailable('is being closed'));
        return;
      }
      this.#worker.postMessage(request, transfers);
      this.#waiting.push({ resolve: resolve as Waiting['resolve'], reject });
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (!this.#ended) this.#worker.postMessage(CLOSE);
    const late = (): AppError =>
      this.#unavailable(`did not end within ${CLOSE_TIMEOUT_MS} ms, and is ended where it stands`);
    try {
      const { clock } = this.#options.runtime;
      await withDeadline(this.#exited, { clock, ms: CLOSE_TIMEOUT_MS, late });
    } catch (cause) {
      this.#end(cause);
      // Within a call that does not come back, as of a disk that hangs, it ends only with that.
      this.#worker.unref();
      void this.#worker.terminate();
      throw cause;
    }
  }

  #take(answer: ThreadAnswer<State>): void {
    if (answer.kind === 'step') {
      this.#steps.pass(answer.step);
      return;
    }
    // What still comes from a thread that was given up has nobody to go to.
    if (this.#ended) return;
    const { resolve, reject } = this.#waiting.shift()!;
    if (answer.kind === 'failed') {
      reject(errorFromThread(answer.error));
      return;
    }
    this.#options.onState?.(answer.state as State);
    resolve(answer.result);
  }

  #end(cause: unknown): void {
    if (this.#ended) return;
    this.#ended = this.#unavailable('ended', cause);
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
    if (!this.#closing) this.#options.onEnd?.(cause);
  }

  #unavailable(what: string, cause?: unknown): AppError {
    return new AppError('UNAVAILABLE', `the thread that ${this.#options.name} ${what}`, { cause });
  }
}

function startWorker<Start>(
  { file, start, limits }: Pick<ThreadOptions<Start, never>, 'file' | 'start' | 'limits'>,
  { gate }: StepKeeper,
): Worker {
  return new Worker(file, {
    workerData: { start, gate } satisfies ThreadData<Start>,
    transferList: gate ? [gate.replies] : [],
    ...(limits && { resourceLimits: limits }),
  });
}
