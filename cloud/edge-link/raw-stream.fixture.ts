import { type ClientDuplexStream, credentials, type ServiceError } from '@grpc/grpc-js';
import {
  type Block,
  BlockForm,
  Codec,
  type Hello,
  type SyncRequest,
  type SyncResponse,
  Lane as WireLane,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { EdgeLinkServiceClient } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link_service.ts';
import { blockChecksum } from '@holdfast/shared/lib/block-checksum.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';

type Frame = NonNullable<SyncRequest['frame']>;
type Answer = NonNullable<SyncResponse['frame']>;

/** PEM texts, and where the cloud listens. */
export interface RawCredentials {
  readonly ca: string;
  readonly key: string;
  readonly certificate: string;
  readonly grpcUrl: string;
}

const WAIT_MS_MAX = 10_000;

/** A gateway that says whatever a test wants it to say. */
export class RawStream {
  readonly answers: Answer[] = [];
  error: ServiceError | undefined;
  isOver = false;
  readonly #client: EdgeLinkServiceClient;
  readonly #call: ClientDuplexStream<SyncRequest, SyncResponse>;
  #isOpen = false;

  constructor({ ca, key, certificate, grpcUrl }: RawCredentials) {
    const secrets = credentials.createSsl(
      Buffer.from(ca),
      Buffer.from(key),
      Buffer.from(certificate),
    );
    this.#client = new EdgeLinkServiceClient(grpcUrl, secrets, {
      'grpc.ssl_target_name_override': 'localhost',
      'grpc.use_local_subchannel_pool': 1,
    });
    this.#call = this.#client.sync();
    this.#call.on('metadata', () => {
      this.#isOpen = true;
    });
    this.#call.on('data', ({ frame }: SyncResponse) => {
      if (frame) this.answers.push(frame);
    });
    this.#call.on('error', (error: ServiceError) => {
      this.error = error;
      this.isOver = true;
    });
    this.#call.on('status', () => {
      this.isOver = true;
    });
  }

  send(frame: Frame): void {
    this.#call.write({ traceparent: '', frame });
  }

  async opened(): Promise<void> {
    await until('the stream is open', () => this.#isOpen || this.isOver);
  }

  /** The next answer; waits for it. */
  async answer(): Promise<Answer> {
    await until('an answer', () => this.answers.length > 0 || this.isOver);
    const next = this.answers.shift();
    if (!next) throw new Error(`the stream ended: ${this.error?.details}`);
    return next;
  }

  /** How the stream ended: the cloud's error code. */
  async ending(): Promise<string | undefined> {
    await until('the end', () => this.isOver);
    return this.error?.metadata.get('holdfast-code')[0]?.toString();
  }

  /** Hello, Welcome, TurnHeld. */
  async greet(hello: Partial<Hello>): Promise<Buffer> {
    await this.opened();
    this.send({ $case: 'hello', value: helloOf(hello) });
    const welcome = await this.answer();
    if (welcome.$case !== 'welcome') throw new Error(`${welcome.$case} instead of a Welcome`);
    const { turn } = welcome.value;
    this.send({ $case: 'turnHeld', value: { turn } });
    return turn;
  }

  close(): void {
    this.#call.end();
    this.#client.close();
  }

  /** Cuts the stream as a crash would. */
  cut(): void {
    this.#call.cancel();
    this.#client.close();
  }
}

export const INCARNATION = 'i-1';

export function helloOf(changes: Partial<Hello>): Hello {
  return {
    gatewayId: 'gw_raw',
    incarnation: INCARNATION,
    protocolVersion: 1,
    features: [],
    positions: [],
    lastTurn: Buffer.alloc(0),
    softwareVersion: 'raw',
    ...changes,
  };
}

export function accepted(lane: WireLane, count: bigint) {
  const acknowledged = { contiguous: 0n, ranges: [] };
  return { incarnation: INCARNATION, lane, acknowledged, accepted: count, settled: undefined };
}

export function blockOf(first: number, last: number, changes: Partial<Block> = {}): Block {
  const block = {
    incarnation: INCARNATION,
    lane: WireLane.LANE_TELEMETRY,
    firstSequence: BigInt(first),
    count: last - first + 1,
    form: BlockForm.BLOCK_FORM_RAW,
    codec: Codec.CODEC_NONE,
    body: Buffer.from('a body'),
    traceparent: '',
    ...changes,
  };
  return { ...block, checksum: changes.checksum ?? blockChecksum(block) };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const giveUpAt = systemClock.monotonicMs() + WAIT_MS_MAX;
  while (!condition()) {
    if (systemClock.monotonicMs() > giveUpAt) throw new Error(`waited in vain for ${what}`);
    await systemClock.sleep(5);
  }
}
