import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../../contracts/roles.ts';
import { testRuntime } from '../../runtime/runtime.ts';
import type { OrderFacts } from './policy.ts';
import { openWasmPolicy } from './policy.wasm.ts';

const BUNDLE = fileURLToPath(new URL('../../../policies/bundle', import.meta.url));

const customer: Principal = { subject: 'usr_1', tenant: 'acme', sites: [], roles: ['customer'] };
const order: OrderFacts = {
  tenant: 'acme',
  orderId: 'ord_1',
  customer: 'usr_1',
  state: 'confirmed',
  sites: ['site-1'],
  ageSeconds: 10,
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-policy-'));
  cpSync(BUNDLE, folder, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the committed bundle', () => {
  it('decides, names the rule and its revision, and the same way each time', async () => {
    const policy = await openWasmPolicy({ folder: BUNDLE, runtime: testRuntime() });
    const ask = () => policy.decide(customer, { action: 'order.read', resource: order });
    expect(ask()).toEqual({
      allowed: true,
      reasons: ['customers read their own orders'],
      revision: JSON.parse(readFileSync(join(BUNDLE, 'bundle.json'), 'utf8')).revision,
    });
    const many = Array.from({ length: 2_000 }, ask);
    expect(many.every(({ allowed }) => allowed)).toBe(true);
  });

  it('reads the limits that lie beside the rules', async () => {
    const policy = await openWasmPolicy({ folder: BUNDLE, runtime: testRuntime() });
    const cancel = (ageSeconds: number) =>
      policy.decide(customer, { action: 'order.cancel', resource: { ...order, ageSeconds } });
    expect(cancel(86_400).allowed).toBe(true);
    expect(cancel(86_401).allowed).toBe(false);
  });

  it('denies what belongs to another tenant, whatever the role', async () => {
    const policy = await openWasmPolicy({ folder: BUNDLE, runtime: testRuntime() });
    const administrator: Principal = { ...customer, sites: ['*'], roles: ['administrator'] };
    const resource = { ...order, tenant: 'other' };
    expect(policy.decide(administrator, { action: 'order.read', resource })).toMatchObject({
      allowed: false,
      reasons: ['it belongs to another tenant'],
    });
  });

  it('counts each decision by action and outcome', async () => {
    const runtime = testRuntime();
    const policy = await openWasmPolicy({ folder: BUNDLE, runtime });
    policy.decide(customer, { action: 'order.read', resource: order });
    policy.decide(customer, { action: 'audit.read', resource: order });
    const text = await runtime.metrics.text();
    expect(text).toContain('_total{action="order.read",outcome="allowed"} 1');
    expect(text).toContain('_total{action="audit.read",outcome="denied"} 1');
  });
});

describe('a bundle that cannot be used denies everything and says why', () => {
  const decision = async () => {
    const policy = await openWasmPolicy({ folder, runtime: testRuntime() });
    return policy.decide(customer, { action: 'order.read', resource: order });
  };

  it('when it is missing', async () => {
    rmSync(join(folder, 'policy.wasm'));
    const { allowed, reasons, revision } = await decision();
    expect({ allowed, revision }).toEqual({ allowed: false, revision: 'none' });
    expect(reasons[0]).toMatch(/no usable policy bundle: ENOENT/);
  });

  it('when its rules are not those of its revision', async () => {
    const wasm = readFileSync(join(folder, 'policy.wasm'));
    wasm[wasm.length - 100]! ^= 1;
    writeFileSync(join(folder, 'policy.wasm'), wasm);
    expect((await decision()).allowed).toBe(false);
  });

  it('when somebody changed a limit by hand', async () => {
    const file = join(folder, 'bundle.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('86400', '8640000'));
    const { allowed, reasons } = await decision();
    expect(allowed).toBe(false);
    expect(reasons[0]).toMatch(/says that it is/);
  });
});
