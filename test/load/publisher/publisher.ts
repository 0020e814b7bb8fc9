import { setTimeout as sleep } from 'node:timers/promises';
import { LatencyHistogram } from './latency-histogram.ts';
import type { LoadResult, LoadShape } from './load-shape.ts';
import { makePayloads } from './payloads.ts';
import { PublishingConnection } from './publishing-connection.ts';

const TICK_MS = 1;
/** The window is topped up when this share of it is free: a write for each message costs more. */
const REFILL_SHARE = 0.25;
const SETTLE_MS_MAX = 5_000;

/** The load generator, a process of its own. Any error ends it with its message. */
class Publisher {
  readonly #shape: LoadShape;
  readonly #latencies = new LatencyHistogram();
  #connections: PublishingConnection[] = [];
  #publishing = false;
  #sent = 0;
  #acked = 0;

  constructor(shape: LoadShape) {
    this.#shape = shape;
  }

  async run(): Promise<LoadResult> {
    const { warmUpMs, measureMs } = this.#shape;
    await this.#connect();
    this.#start();
    await sleep(warmUpMs);
    this.#latencies.clear();
    const ackedBefore = this.#acked;
    const cpuBefore = process.cpuUsage();
    const startedMs = performance.now();
    await sleep(measureMs);
    const acked = this.#acked - ackedBefore;
    const seconds = (performance.now() - startedMs) / 1000;
    const cpu = process.cpuUsage(cpuBefore);
    this.#publishing = false;
    this.#countWaiting();
    const ackP50Ms = this.#latencies.quantileMs(0.5);
    const ackP99Ms = this.#latencies.quantileMs(0.99);
    await this.#settle();
    return {
      acked,
      ackedInAll: this.#acked,
      sentInAll: this.#sent,
      unacked: this.#sent - this.#acked,
      seconds,
      ackP50Ms,
      ackP99Ms,
      cpuShare: (cpu.user + cpu.system) / 1e6 / seconds,
    };
  }

  async #connect(): Promise<void> {
    const { port, clients, payloadBytes } = this.#shape;
    const payloads = makePayloads(payloadBytes);
    const opened = Array.from({ length: clients }, (_, index) =>
      PublishingConnection.open({
        port,
        clientId: `bench-${index}`,
        topic: `devices/bench-${index}/telemetry/load`,
        payloads,
        acked: (latencyMs) => {
          this.#acked += 1;
          this.#latencies.record(latencyMs);
        },
        ackedTogether: (connection) => this.#refill(connection),
        failed: fail,
      }),
    );
    this.#connections = await Promise.all(opened);
  }

  #start(): void {
    const { pace } = this.#shape;
    this.#publishing = true;
    if (pace.kind === 'rate') void this.#publishAtRate(pace.perSecond).catch(fail);
    else
      for (const connection of this.#connections) {
        connection.publish(pace.inFlight, performance.now());
        this.#sent += pace.inFlight;
      }
  }

  #refill(connection: PublishingConnection): void {
    const { pace } = this.#shape;
    if (!this.#publishing || pace.kind !== 'window') return;
    const free = pace.inFlight - connection.inFlight;
    if (free < pace.inFlight * REFILL_SHARE) return;
    this.#sent += free;
    connection.publish(free, performance.now());
  }

  /** Open loop: what is due is sent, whether or not the server keeps up. */
  async #publishAtRate(perSecond: number): Promise<void> {
    const startedMs = performance.now();
    while (this.#publishing) {
      const nowMs = performance.now();
      const due = Math.floor(((nowMs - startedMs) / 1000) * perSecond);
      for (; this.#sent < due; this.#sent++)
        this.#connections[this.#sent % this.#connections.length]!.publish(1, nowMs);
      await sleep(TICK_MS);
    }
  }

  /** A server that falls behind must not look fast because its late answers are not in yet. */
  #countWaiting(): void {
    if (this.#shape.pace.kind === 'window') return;
    const nowMs = performance.now();
    for (const connection of this.#connections)
      for (const ms of connection.waitingMs(nowMs)) this.#latencies.record(ms);
  }

  async #settle(): Promise<void> {
    const deadlineMs = performance.now() + SETTLE_MS_MAX;
    while (this.#acked < this.#sent && performance.now() < deadlineMs) await sleep(TICK_MS);
    for (const connection of this.#connections) connection.close();
  }
}

function fail(error: Error): never {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

const shape = JSON.parse(process.argv[2]!) as LoadShape;
process.stdout.write(`${JSON.stringify(await new Publisher(shape).run())}\n`);
