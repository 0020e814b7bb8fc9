import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, prepareHouse } from './house.ts';
import { ROOT } from './process.ts';

let house: House;

beforeAll(async () => {
  house = await prepareHouse();
});
afterAll(() => house.close());

function addUser(password: string, ...args: string[]) {
  const command = [`${ROOT}cloud/main.ts`, 'users', 'add', '--tenant', 'acme', ...args];
  const env = { ...process.env, ...house.cloud.options.env };
  return spawnSync(process.execPath, command, { env, input: `${password}\n`, encoding: 'utf8' });
}

test('a user who was added on the command line signs in, a wrong one is named', async () => {
  const weak = addUser('short', '--username', 'ada', '--roles', 'administrator');
  expect(weak.status).toBe(1);
  expect(weak.stderr).toMatch(/REQUEST_INVALID: \/password/);
  const password = 'correct horse battery';
  const added = addUser(password, '--username', 'ada', '--roles', 'administrator');
  expect(added.stdout).toMatch(/^added ada \(usr_/);
  expect(addUser(password, '--username', 'ada', '--roles', 'operator').stderr).toMatch(/CONFLICT/);
  house.cloud.start();
  await house.cloudReady();
  const answer = await fetch(`${house.cloudUrl}/v1/auth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'ada', password }),
  });
  expect(answer.status).toBe(200);
});
