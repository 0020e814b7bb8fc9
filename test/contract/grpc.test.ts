import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buf, buildImage, findBreaks, GRPC_BASELINE, PROTO_FOLDER } from './buf.ts';

const EDGE = join('grpc', 'holdfast', 'edge', 'v1');
const LINK = 'edge_link.proto';
const SERVICE = 'edge_link_service.proto';
const REFRESH = 'run: node test/contract/export-grpc.ts';
const folder = mkdtempSync(join(tmpdir(), 'holdfast-proto-'));

beforeAll(() => {
  cpSync(join(PROTO_FOLDER, 'grpc'), join(folder, 'grpc'), { recursive: true });
  cpSync(join(PROTO_FOLDER, 'buf.yaml'), join(folder, 'buf.yaml'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the gRPC contract', () => {
  it('keeps the rules of buf lint', async () => {
    expect(await buf(PROTO_FOLDER, 'lint')).toEqual({ code: 0, output: '' });
  });

  it('breaks nobody who relies on the accepted one', async () => {
    expect(await findBreaks(PROTO_FOLDER, GRPC_BASELINE)).toEqual({ code: 0, output: '' });
  });

  it('is all in the baseline, so that what was added can not be taken back unseen', async () => {
    const image = join(folder, 'now.binpb');
    expect(await buildImage(PROTO_FOLDER, image)).toEqual({ code: 0, output: '' });
    const isCurrent = readFileSync(image).equals(readFileSync(GRPC_BASELINE));
    expect(isCurrent, `proto/baseline/grpc.binpb is behind; ${REFRESH}`).toBe(true);
  });
});

describe('the check of the gRPC contract', () => {
  const PLANTED = [
    { name: 'a removed field', file: LINK, from: '  bytes checksum = 8;\n', to: '' },
    { name: 'another type', file: LINK, from: 'uint32 count = 4', to: 'string count = 4' },
    { name: 'a moved field', file: LINK, from: 'Codec codec = 6', to: 'Codec codec = 16' },
    { name: 'a removed call', file: SERVICE, from: /rpc Sync\(.*;/, to: '' },
  ];

  it.each(PLANTED)('finds $name', async ({ file, from, to }) => {
    const source = readFileSync(join(PROTO_FOLDER, EDGE, file), 'utf8');
    const planted = source.replace(from, to);
    expect(planted).not.toBe(source);
    writeFileSync(join(folder, EDGE, file), planted);
    const { code, output } = await findBreaks(folder, GRPC_BASELINE);
    writeFileSync(join(folder, EDGE, file), source);
    expect(code).not.toBe(0);
    expect(output).toContain(file);
  });
});
