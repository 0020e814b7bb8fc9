import { describe, expect, it } from 'vitest';
import type { StoryEntry } from './order-api.ts';
import { offsetWords, storyLine } from './order-story.ts';
import { actionsFor, isOrderState, ORDER_STATES, shortId } from './order-words.ts';
import { isStaff, personOf } from './principal.ts';

const names = (role: 'customer' | 'operator' | 'manager', state: (typeof ORDER_STATES)[number]) =>
  actionsFor({ roles: [role], sites: ['*'] }, { state }).map(({ name }) => name);

describe('what may be done with an order', () => {
  it('follows from its state and who asks', () => {
    expect(names('operator', 'confirmed')).toEqual(['ship']);
    expect(names('manager', 'confirmed')).toEqual(['ship', 'cancel']);
    expect(names('customer', 'confirmed')).toEqual(['cancel']);
    expect(names('operator', 'fulfilled')).toEqual(['refund']);
    expect(names('customer', 'fulfilled')).toEqual([]);
  });

  it('is nothing once it has ended, or while it is undone', () => {
    for (const state of ['declined', 'cancelled', 'refunded', 'cancelling'] as const) {
      expect(names('manager', state)).toEqual([]);
    }
  });

  it('knows every state by its name, and no other word', () => {
    expect(ORDER_STATES).toHaveLength(11);
    expect(isOrderState('confirmed')).toBe(true);
    expect(isOrderState('toString')).toBe(false);
  });
});

describe('who is signed in', () => {
  const token = (claims: object) =>
    `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`;

  it('is read from the token', () => {
    const person = personOf(token({ roles: ['operator'], sites: ['lager-süd'], sub: '?>~' }));
    expect(person.roles).toEqual(['operator']);
    expect(isStaff(person)).toBe(true);
    expect(isStaff(personOf(token({ roles: ['customer'], sites: ['*'] })))).toBe(false);
  });

  it.each(['', 'nothing', 'a.%%%.c', token({ roles: 'all' })])('is nobody with %j', (text) => {
    expect(personOf(text)).toEqual({ roles: [], sites: [] });
  });
});

describe("an order's story in words", () => {
  const at = '2026-05-01T12:00:00.250Z';
  const line = (entry: object) => storyLine({ at, ...entry } as StoryEntry);

  it('says who decided by which revision, and why', () => {
    const decision = { kind: 'decision', action: 'order.ship', actor: 'usr_1', allowed: true };
    const said = line({ ...decision, reasons: ['staff ship from their sites'], revision: 'ab12' });
    expect(said.title).toBe('Allowed: ship order');
    expect(said.details).toEqual(['staff ship from their sites', 'asked by usr_1', 'policy ab12']);
    expect(line({ ...decision, allowed: false, reasons: [], revision: '' }).tone).toBe('bad');
  });

  it('says what was called, what came of it, and how long it took', () => {
    const call = { kind: 'call', call: 'authorise', id: 'pay_1', outcome: 'declined' };
    const times = { startedAt: '2026-05-01T12:00:00.000Z', endedAt: at };
    const said = line({ ...call, ...times, reason: 'insufficient_funds' });
    expect(said).toMatchObject({ title: 'Authorise the payment: declined', tone: 'bad' });
    expect(said.details).toEqual(['insufficient_funds', 'pay_1']);
    expect(said.tookMs).toBe(250);
  });

  it('says from which state to which', () => {
    const said = line({ kind: 'transition', from: 'reserved', to: 'cancelling', reason: 'late' });
    expect(said).toMatchObject({ title: 'Reserved → Undoing', details: ['late'] });
  });

  it('counts the time from the first entry, whatever the clocks say', () => {
    expect(offsetWords(at, '2026-05-01T12:00:00.000Z')).toBe('+250 ms');
    expect(offsetWords('2026-05-01T12:00:00.000Z', at)).toBe('+0 ms');
  });
});

it('shortens an id to the end that differs', () => {
  expect(shortId('ord_01a20480-6950-7013-9310-2517f2e57ac9')).toBe('ord_…f2e57ac9');
  expect(shortId('order')).toBe('order');
});
