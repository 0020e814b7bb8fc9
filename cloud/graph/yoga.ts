import { FailureLog } from '@holdfast/shared/runtime/failure-log.ts';
import type { GraphQLError } from 'graphql';
import { createSchema, createYoga, type Plugin } from 'graphql-yoga';
import { createContext, type GraphContext, type GraphDeps } from './context.ts';
import { limitPlugins } from './limit-plugins.ts';
import { BODY_BYTES_MAX } from './limits.ts';
import { answered } from './refusals.ts';
import { RESOLVERS } from './resolvers.ts';
import { TYPE_DEFINITIONS } from './schema.ts';

export const GRAPHQL_PATH = '/graphql';

export interface YogaOptions extends GraphDeps {
  /** GraphiQL and introspection. */
  readonly isDevelopment: boolean;
}

/** What the route hands to the library. */
export type ServerContext = Pick<GraphContext, 'principal'>;

/** GraphQL over HTTP, and subscriptions over SSE. */
export function createGraphql(options: YogaOptions) {
  const { isDevelopment, runtime } = options;
  const failures = new FailureLog(runtime);
  return createYoga<ServerContext, GraphContext>({
    schema: createSchema<ServerContext & GraphContext>({
      typeDefs: TYPE_DEFINITIONS,
      resolvers: RESOLVERS,
    }),
    graphqlEndpoint: GRAPHQL_PATH,
    context: ({ principal, request }) =>
      createContext(options, { principal, signal: request.signal }),
    plugins: [...limitPlugins({ introspection: isDevelopment }), codesPlugin(options, failures)],
    maskedErrors: { maskError: (error) => answered(error, failures) },
    maxRequestBodySize: BODY_BYTES_MAX,
    graphiql: isDevelopment ? { title: 'Holdfast' } : false,
    landingPage: false,
    logging: false,
    cors: false,
    batching: false,
    multipart: false,
  });
}

/** Errors of the parser and the rules, which are answered as they are, get their codes. */
function codesPlugin({ runtime }: GraphDeps, failures: FailureLog): Plugin {
  const counter = runtime.metrics.counter(
    'holdfast_graphql_errors_total',
    'GraphQL errors, by code.',
    ['code'],
  );
  return {
    onResultProcess({ result, setResult }) {
      if (Symbol.asyncIterator in result || Array.isArray(result) || !result.errors) return;
      const errors = result.errors.map((error) => answered(error as GraphQLError, failures));
      for (const { extensions } of errors) counter.add(1, { code: String(extensions['code']) });
      setResult({ ...result, errors });
    },
  };
}
