import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { type House, prepareHouse } from './house.ts';
import { connectNumbered, type NumberedDevice } from './mqtt-client.ts';
import { ROOT } from './process.ts';

const DEVICE = 'tools';
const MESSAGES = 300;

let house: House;
let device: NumberedDevice;
beforeAll(async () => {
  house = await prepareHouse();
});
afterAll(async () => {
  await device?.close();
  await house?.close();
});

interface Line {
  readonly sequence: number;
  readonly device: string;
  readonly payload: { readonly value: number };
}

const linesOf = (text: string): Line[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

async function inspected(...args: string[]) {
  const done = await house.gatewayCli('inspect', '--json', ...args);
  expect(done.stderr).toBe('');
  return JSON.parse(done.stdout);
}

describe('the buffer tools', () => {
  it('say that there is no buffer before the first start, with code 2, and make none', async () => {
    for (const args of [['verify'], ['inspect'], ['export', '--lane', 'stock']]) {
      const done = await house.gatewayCli(...args);
      expect(done).toMatchObject({ code: 2, stdout: '' });
      expect(done.stderr).toMatch(/there is no buffer at .*buffer\.sqlite[\s\S]*dataDir/);
    }
    expect(existsSync(join(house.dir, 'gateway', 'buffer.sqlite'))).toBe(false);
  });

  it.each([
    [['export']],
    [['export', '--lane', 'other']],
    [['inspect', '--sequence', '1']],
    [['inspect', '--lane', 'stock', '--from', '0']],
    [['export', '--lane', 'stock', '--from', '2', '--to', '1']],
    [['verify', '--unknown']],
  ])('end a wrong use with code 2: %j', async (args) => {
    const done = await house.gatewayCli(...args);
    expect(done).toMatchObject({ code: 2, stdout: '' });
    expect(done.stderr).toMatch(/^error: /);
  });

  it('look into a running gateway under traffic without disturbing it', async () => {
    house.gateway.start();
    await eventually('the broker', async () => {
      device = await connectNumbered(house, DEVICE);
      return true;
    });
    await device.publish(MESSAGES);
    let isOver = false;
    const traffic = (async () => {
      while (!isOver) await device.publish(20);
    })();
    const verified = await house.gatewayCli('verify', '--json');
    const exported = await house.gatewayCli('export', '--lane', 'telemetry', '--to', `${MESSAGES}`);
    isOver = true;
    await traffic;
    expect(verified.code, verified.stdout).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({ clean: true, findings: [] });
    expect(exported).toMatchObject({ code: 0, stderr: `${MESSAGES} messages written\n` });
    const lines = linesOf(exported.stdout);
    expect(lines.map((line) => line.sequence)).toEqual(lines.map((_, at) => at + 1));
    expect(lines.map((line) => line.payload.value)).toEqual(lines.map((_, at) => at + 1));
    expect(lines.every((line) => line.device === DEVICE)).toBe(true);
  });

  it('export to a new file, and never over one that is there', async () => {
    const out = join(house.dir, 'pending.jsonl');
    const args = ['export', '--lane', 'telemetry', '--from', '11', '--to', '12', '--out', out];
    expect(await house.gatewayCli(...args)).toMatchObject({ code: 0, stdout: '' });
    expect(linesOf(readFileSync(out, 'utf8')).map((line) => line.sequence)).toEqual([11, 12]);
    expect(await house.gatewayCli(...args)).toMatchObject({ code: 1 });
    expect(linesOf(readFileSync(out, 'utf8'))).toHaveLength(2);
  });

  it('end quietly when the reader of an export goes away', async () => {
    const command = `"${process.execPath}" edge/main.ts export --lane telemetry | head -n 1`;
    const env = { ...process.env, HOLDFAST_DATA_DIR: join(house.dir, 'gateway') };
    const done = await promisify(execFile)('sh', ['-c', command], { cwd: ROOT, env });
    expect(linesOf(done.stdout)).toMatchObject([{ sequence: 1 }]);
    expect(done.stderr).toMatch(/^(stopped: nobody reads any longer|\d+ messages written)\n$/);
  });

  it('follow one message from the disk to the acknowledgement of the cloud', async () => {
    const before = await inspected('--lane', 'telemetry', '--sequence', '7');
    expect(before).toMatchObject({ state: 'pending', heldIn: { kind: expect.any(String) } });
    expect(before.message).toMatchObject({ device: DEVICE, qos: 1, key: { sequence: 7 } });
    await house.gateway.stop();
    house.cloud.start();
    await house.cloudReady();
    await house.enrol();
    house.gateway.start();
    await house.gatewayReady();
    const after = await eventually('the acknowledgement', async () => {
      const life = await inspected('--lane', 'telemetry', '--sequence', '7');
      return life.state === 'delivered' && life;
    });
    expect(after).toMatchObject({ heldIn: null, message: null });
    expect(after.meaning).toMatch(/GET \/v1\/devices/);
  });

  it('show an overview with nothing pending, running and stopped', async () => {
    const drained = () =>
      eventually('an empty queue', async () => {
        const { lanes } = await inspected();
        const lane = lanes.find((one: { lane: string }) => one.lane === 'telemetry');
        return lane.pending === 0 && lane;
      });
    const running = await drained();
    expect(running).toMatchObject({ groups: 0, blocks: 0, oldestPending: null });
    expect(running.acknowledged.contiguous).toBe(running.accepted);
    await device.close();
    await house.gateway.stop();
    expect(await drained()).toEqual(running);
    expect((await house.gatewayCli('verify')).code).toBe(0);
    expect((await house.gatewayCli('inspect')).stdout).toContain(
      `accepted      ${running.accepted}`,
    );
  });
});
