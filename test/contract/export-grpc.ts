import { existsSync } from 'node:fs';
import { buildImage, findBreaks, GRPC_BASELINE, PROTO_FOLDER } from './buf.ts';

/**
 * Moves the gRPC baseline on when nothing breaks it. On a break it exits with 1: the remedy is a
 * new package version (`holdfast.edge.v2`), or a new field beside the old one.
 */
const found = existsSync(GRPC_BASELINE)
  ? await findBreaks(PROTO_FOLDER, GRPC_BASELINE)
  : { code: 0, output: '' };
const result = found.code === 0 ? await buildImage(PROTO_FOLDER, GRPC_BASELINE) : found;
print(result.output.trim() || 'proto/baseline/grpc.binpb is up to date');
process.exitCode = result.code;

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}
