import { type handleBidiStreamingCall, Metadata } from '@grpc/grpc-js';
import type { SyncResponse } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { toGrpcStatus } from '@holdfast/shared/runtime/grpc.ts';
import type { ArrivedRequest } from './arrived-request.ts';
import { peerOf } from './domain/peer.ts';
import { GatewayStream, type StreamDeps, type StreamSocket } from './gateway-stream.ts';

type SyncCall = Parameters<handleBidiStreamingCall<ArrivedRequest, SyncResponse>>[0];

export interface SyncHandlerDeps extends StreamDeps {
  /** True once the process stops: gateways are told to come back later. */
  readonly draining: () => boolean;
}

/**
 * One call is one stream. Who speaks is what the client's certificate says, before the first frame
 * is looked at.
 */
export function syncHandler(
  deps: SyncHandlerDeps,
): handleBidiStreamingCall<ArrivedRequest, SyncResponse> {
  return (call) => {
    const refusal = deps.draining() ? drainingError() : undefined;
    const peer = peerOf(call.getAuthContext()?.sslPeerCertificate?.subjectaltname);
    const socket = socketOf(call);
    if (refusal) return socket.end(refusal);
    if (!peer) return socket.end(unknownPeer());
    carry(call, new GatewayStream(deps, peer, socket), (err) => {
      deps.runtime.log.debug({ err, gatewayId: peer.gatewayId }, 'the call failed');
    });
  };
}

export function drainingError(): AppError {
  return new AppError('UNAVAILABLE', 'this process of edge-link is stopping', {
    hint: 'connect again',
    retry: 'now',
  });
}

function carry(call: SyncCall, stream: GatewayStream, onError: (error: unknown) => void): void {
  call.on('data', (request: ArrivedRequest) => stream.receive(request));
  call.on('end', () => void stream.end('closed'));
  call.on('cancelled', () => void stream.end('lost'));
  call.on('error', (error) => {
    onError(error);
    void stream.end('lost');
  });
}

function socketOf(call: SyncCall): StreamSocket {
  let open = true;
  return {
    accept() {
      if (open && !call.cancelled) call.sendMetadata(new Metadata());
    },
    send(response) {
      if (open && !call.cancelled) call.write(response);
    },
    end(error) {
      if (!open) return;
      open = false;
      if (call.cancelled) return;
      if (error) call.emit('error', toGrpcStatus(error, new Metadata()));
      else call.end();
    },
  };
}

function unknownPeer(): AppError {
  return new AppError('CERTIFICATE_REJECTED', 'the client certificate names no gateway', {
    hint: 'enrol the gateway again',
  });
}
