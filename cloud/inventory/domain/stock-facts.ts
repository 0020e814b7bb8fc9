import {
  type Block,
  BlockForm,
} from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import {
  itemOf,
  type StockMessage,
  stockMessageSchema,
} from '@holdfast/shared/contracts/stock-message.ts';
import { type BlockSource, Unreadable } from '@holdfast/shared/domain/block-event.ts';
import { boundedName } from '@holdfast/shared/domain/names.ts';
import { readingTime, receiveTimes } from '@holdfast/shared/domain/reading-time.ts';
import { movementFault } from '@holdfast/shared/domain/stock-movement.ts';
import { decodeBody, decompressBody } from '@holdfast/shared/lib/block-body.ts';
import type { NewMovement } from './command.ts';

/** What one record of the lane `stock` says. */
export type StockFact =
  | { readonly kind: 'movement'; readonly sequence: bigint; readonly movement: NewMovement }
  | PoisonMessage;

/** A message that cannot be read: kept with its bytes, and its item is frozen where it is known. */
export interface PoisonMessage {
  readonly kind: 'poison';
  readonly sequence: bigint;
  /** The movement that it would have been. */
  readonly movementId: string;
  readonly item: string | undefined;
  readonly detail: string;
  readonly payload: Uint8Array;
}

/** Cuts a block of the lane `stock` into facts. A block that is none is parked as a whole. */
export function stockFacts(block: Block, from: BlockSource): readonly StockFact[] {
  if (block.form !== BlockForm.BLOCK_FORM_RAW) throw new Unreadable('stock is never condensed');
  const body = decodeBody(decompressBody(block.codec, block.body));
  if (body.count !== block.count) {
    throw new Unreadable(`it holds ${body.count} records and claims ${block.count}`);
  }
  const receivedTimeOf = receiveTimes();
  return Array.from({ length: body.count }, (_, index) => {
    const record = body.record(index);
    const sequence = block.firstSequence + BigInt(index);
    // It becomes part of an id, and MQTT lets it be longer than an index takes.
    const device = boundedName(record.device ?? record.topic);
    const source = { ...from, sequence, device };
    return factOf(record.payload, { ...source, receivedTime: receivedTimeOf(record) });
  });
}

interface Source extends BlockSource {
  readonly sequence: bigint;
  readonly device: string;
  readonly receivedTime: number;
}

function factOf(payload: Uint8Array, source: Source): StockFact {
  const message = parse(payload);
  const parsed = stockMessageSchema.safeParse(message);
  if (!parsed.success) {
    const detail = message === undefined ? 'it is not JSON' : issuesOf(parsed.error.issues);
    return poison(payload, { source, item: itemOf(message), detail });
  }
  const movement = movementOf(parsed.data, source);
  const fault = movementFault(movement);
  if (fault) return poison(payload, { source, item: movement.item, detail: fault });
  return { kind: 'movement', sequence: source.sequence, movement };
}

function parse(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString('utf8'));
  } catch {
    // Not JSON is an outcome: the message is parked.
    return undefined;
  }
}

function issuesOf(issues: readonly { path: PropertyKey[]; message: string }[]): string {
  return issues.map(({ path, message }) => `/${path.join('/')}: ${message}`).join('; ');
}

function poison(
  payload: Uint8Array,
  told: { readonly source: Source; readonly item: string | undefined; readonly detail: string },
): PoisonMessage {
  const { source, item, detail } = told;
  const { sequence } = source;
  return { kind: 'poison', sequence, movementId: placeOf(source), item, detail, payload };
}

function movementOf(message: StockMessage, source: Source): NewMovement {
  const { item, kind, reason, evidence, ts } = message;
  const { time } = readingTime(ts, source.receivedTime);
  return {
    id: message.movement === undefined ? placeOf(source) : ownId(message.movement, source),
    site: source.site,
    item,
    kind,
    quantity: BigInt(message.kind === 'count' ? message.count : message.quantity),
    occurredAt: BigInt(Math.round(time)),
    evidence: JSON.stringify({ device: source.device, ...evidence }),
    ...(message.kind === 'transfer' ? { toSite: message.toSite } : {}),
    ...(message.kind === 'count' && message.seen ? { seen: seenOf(message.seen) } : {}),
    ...(reason === undefined ? {} : { reason: reason.replaceAll('\0', '') }),
  };
}

function seenOf({ onHand, version }: { readonly onHand: number; readonly version: number }) {
  return { onHand: BigInt(onHand), version: BigInt(version) };
}

/** Without an id of the device's own: where the gateway's buffer has it. */
function placeOf({ key, sequence }: Source): string {
  return `${key.gatewayId}/${key.incarnation}/${key.lane}/${sequence}`;
}

/** Two devices may count from 1, and so may devices of one name at two sites. */
function ownId(movement: string, { site, device }: Source): string {
  return `${site}/${device}/${movement}`;
}
