import { fileURLToPath } from 'node:url';
import { readFileIfThere } from '@holdfast/shared/runtime/files.ts';
import { createServerless, type Server } from 'soap';
import { CALLS, type CallName } from './domain/behaviour.ts';

const WSDL = fileURLToPath(new URL('../../proto/payment.wsdl', import.meta.url));
const NAMESPACE = 'urn:holdfast:acquirer:1';

export type Reply =
  | { readonly kind: 'answer'; readonly body: object }
  | { readonly kind: 'fault'; readonly fault: 'declined' | 'retryable' | 'invalid'; code: string };

/** What one request carries through the library: `context` is the caller's own. */
export interface SoapServiceOptions<C> {
  readonly authenticate: (security: unknown) => boolean;
  readonly handle: (name: CallName, request: unknown, context: C) => Promise<Reply>;
}

export interface SoapReply {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

export interface SoapService<C> {
  /** `text` was guarded. Throws nothing: what is wrong is a fault. */
  answer(request: { text: string; soapAction: string; context: C }): Promise<SoapReply>;
}

type Version = '1.1' | '1.2';

const CONTENT_TYPES: Readonly<Record<Version, string>> = {
  '1.1': 'text/xml; charset=utf-8',
  '1.2': 'application/soap+xml; charset=utf-8',
};

/** Both versions of SOAP, told apart by the envelope's namespace. */
export async function createSoapService<C>(
  options: SoapServiceOptions<C>,
): Promise<SoapService<C>> {
  const servers = { '1.1': await serve('1.1', options), '1.2': await serve('1.2', options) };
  return {
    async answer({ text, soapAction, context }) {
      const version = text.includes('http://www.w3.org/2003/05/soap-envelope') ? '1.2' : '1.1';
      const headers = { ...(version === '1.1' && soapAction && { soapaction: soapAction }) };
      // The library hands `connection` to the methods as it is.
      const request = { headers, url: '/soap', connection: context };
      const { body, statusCode } = await servers[version].processRequest(text, request);
      return { status: statusCode, contentType: CONTENT_TYPES[version], text: body };
    },
  };
}

/** The library hands over the request, a callback for those who want one, headers, the call. */
type SoapMethod = (...of: [unknown, unknown?, unknown?, { connection: unknown }?]) => unknown;

async function serve<C>(version: Version, options: SoapServiceOptions<C>): Promise<Server> {
  const methods: Record<string, SoapMethod> = {};
  for (const name of CALLS) {
    methods[name] = async (...[request, , , call]) => {
      const reply = await options.handle(name, request, call?.connection as C);
      if (reply.kind === 'answer') return reply.body;
      throw faultOf(version, reply);
    };
  }
  const ports = { AcquirerSoap: methods, AcquirerSoap12: methods };
  const xml = readFileIfThere(WSDL)?.toString() ?? '';
  const server = await new Promise<Server>((resolve, reject) => {
    const listening = createServerless({
      path: '/soap',
      services: { AcquirerService: ports },
      xml,
      uri: WSDL,
      forceSoap12Headers: version === '1.2',
      suppressStack: true,
      callback: (error: unknown) => (error ? reject(error) : resolve(listening)),
    });
  });
  server.authenticate = (security) => options.authenticate(security);
  return server;
}

type FaultReply = Extract<Reply, { kind: 'fault' }>;

function faultOf(version: Version, { fault, code }: FaultReply): { Fault: object } {
  const detail = { [fault]: { attributes: { xmlns: NAMESPACE }, code } };
  const isOurs = fault === 'retryable';
  if (version === '1.1') {
    const faultcode = isOurs ? 'soap:Server' : 'soap:Client';
    return { Fault: { faultcode, faultstring: fault, detail, statusCode: 500 } };
  }
  return {
    Fault: {
      Code: { Value: isOurs ? 'soap:Receiver' : 'soap:Sender' },
      Reason: { Text: { attributes: { 'xml:lang': 'en' }, $value: fault } },
      Detail: detail,
      statusCode: isOurs ? 500 : 400,
    },
  };
}
