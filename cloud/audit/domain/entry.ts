import { hash } from 'node:crypto';
import { type AuditEntry, auditEntrySchema } from '@holdfast/shared/contracts/events/audit.ts';
import { canonicalJson } from './canonical-json.ts';

/** What rows are found by. They repeat what the entry says, and verification compares them. */
export interface EntryKeys {
  readonly resource_kind: string;
  readonly resource_id: string;
  readonly actor: string;
  readonly action: string;
  readonly outcome: string;
}

export interface ArrivedEntry {
  readonly id: string;
  readonly type: string;
  readonly value: Uint8Array;
}

export interface ReadEntry {
  readonly entry: AuditEntry;
  /** The bytes as they came, where they are no audit entry. */
  readonly unreadable: Uint8Array | null;
}

/** The action of a row that stands for an event which could not be read. */
export const UNREADABLE_ACTION = 'audit.unreadable';

/**
 * What an event says. One that says nothing which can be read has its place in the chain, too, with
 * its bytes beside it: an audit row is never dropped (I3).
 */
export function readEntry({ id, type, value }: ArrivedEntry): ReadEntry {
  const entry = type === 'audit.recorded.v1' ? parsed(value) : undefined;
  if (entry) return { entry, unreadable: null };
  const detail = { type, bytes: value.byteLength, sha256: hash('sha256', value) };
  return {
    entry: {
      action: UNREADABLE_ACTION,
      outcome: 'done',
      actor: '',
      resource: { kind: 'event', id },
      detail,
    },
    unreadable: value,
  };
}

/** As JSON writes U+0000, which a database does not keep, and half of a character. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89ab])/;

function parsed(value: Uint8Array): AuditEntry | undefined {
  const entry = auditEntrySchema.safeParse(jsonOf(value)).data;
  return entry && !UNSTORABLE.test(entryText(entry)) ? entry : undefined;
}

function jsonOf(value: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(value));
  } catch {
    // The caller keeps the bytes.
    return undefined;
  }
}

export function entryText(entry: AuditEntry): string {
  return canonicalJson(entry);
}

export function keysOf({ resource, actor, action, outcome }: AuditEntry): EntryKeys {
  return { resource_kind: resource.kind, resource_id: resource.id, actor, action, outcome };
}
