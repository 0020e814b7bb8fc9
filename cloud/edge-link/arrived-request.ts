import { SyncRequest } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { EdgeLinkServiceService } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link_service.ts';

/** A frame, and where it is a block the block as it came. */
export interface ArrivedRequest extends SyncRequest {
  /**
   * The block's own bytes, fields of a later version included: they go to the log unchanged.
   * Undefined when what stands beside its body takes more than BLOCK_HEAD_BYTES_MAX.
   */
  readonly blockBytes?: Uint8Array | undefined;
}

/**
 * What a block may have beside its body: credits count bodies, so that this bounds what the frames
 * that wait take in memory beyond them.
 */
export const BLOCK_HEAD_BYTES_MAX = 2048;

/** `EdgeLinkService`, reading its requests so that a block's bytes are kept. */
export const edgeLinkService = {
  sync: { ...EdgeLinkServiceService.sync, requestDeserialize: readRequest },
} as const;

export function readRequest(bytes: Uint8Array): ArrivedRequest {
  const request = SyncRequest.decode(bytes);
  if (request.frame?.$case !== 'block') return request;
  const blockBytes = lastBlockIn(bytes);
  const headBytes = blockBytes.byteLength - request.frame.value.body.byteLength;
  return headBytes <= BLOCK_HEAD_BYTES_MAX ? { ...request, blockBytes } : request;
}

/** The tag of SyncRequest.block: field 4, length-delimited. */
const BLOCK_TAG = 0x22;
/** Wire types (protobuf encoding); of groups there are none in this contract. */
const WIRE = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

/**
 * Of a frame that was decoded, so that its lengths are known to fit. Where the field is there twice
 * the last one counts, as in the decoded frame.
 */
function lastBlockIn(bytes: Uint8Array): Uint8Array {
  let block: Uint8Array = new Uint8Array();
  for (let at = 0; at < bytes.byteLength; ) {
    const tag = varintAt(bytes, at);
    const value = varintAt(bytes, tag.end);
    const wireType = tag.value & 0b111;
    if (wireType === WIRE.lengthDelimited) {
      const end = value.end + value.value;
      if (tag.value === BLOCK_TAG) block = bytes.subarray(value.end, end);
      at = end;
    } else if (wireType === WIRE.varint) at = value.end;
    else at = tag.end + (wireType === WIRE.fixed64 ? 8 : 4);
  }
  return block;
}

function varintAt(bytes: Uint8Array, from: number): { value: number; end: number } {
  let value = 0;
  for (let at = from, scale = 1; at < bytes.byteLength; at++, scale *= 0x80) {
    value += (bytes[at]! & 0x7f) * scale;
    if (bytes[at]! < 0x80) return { value, end: at + 1 };
  }
  return { value, end: bytes.byteLength };
}
