import { type Agent, type IncomingHttpHeaders, request } from 'node:http';
import { LatencyHistogram } from '../publisher/latency-histogram.ts';

/** A call that hangs must not hold the bench: it counts as failed. */
const CALL_MS_MAX = 30_000;

/** What a generator says of itself, beside what it counted. */
export interface GeneratorFigures {
  /** From when an order was due, or its first call, until it was seen to be confirmed. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The generator's own. */
  readonly cpuSeconds: number;
}

/** Begins with the work: the CPU time before it is nobody's. */
export class GeneratorRecord {
  readonly #latencies = new LatencyHistogram();
  readonly #cpuBegin = process.cpuUsage();

  confirmed(tookMs: number): void {
    this.#latencies.record(tookMs);
  }

  figures(): GeneratorFigures {
    const { user, system } = process.cpuUsage(this.#cpuBegin);
    return {
      p50Ms: this.#latencies.quantileMs(0.5),
      p99Ms: this.#latencies.quantileMs(0.99),
      cpuSeconds: (user + system) / 1e6,
    };
  }
}

/** The last line that a generator prints. */
export function endWith(result: GeneratorFigures): never {
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exit(0);
}

export interface PostAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** One POST of JSON; rejects when no answer comes, in time or at all. */
export function postJson(
  url: string,
  {
    agent,
    headers,
    body,
  }: {
    readonly agent: Agent;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  },
): Promise<PostAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      agent,
      headers: {
        ...headers,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
    });
    sent.setTimeout(CALL_MS_MAX, () => sent.destroy(new Error('no answer')));
    sent.on('error', reject);
    sent.on('response', (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({
          status: answer.statusCode!,
          headers: answer.headers,
          text: Buffer.concat(parts).toString(),
        }),
      );
    });
    sent.end(body);
  });
}
