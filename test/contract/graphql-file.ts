import { inProto } from './proto-file.ts';

export const GRAPHQL_FILE = inProto('schema.graphql');
/** What was last accepted: every export after it has to get along with it. */
export const GRAPHQL_BASELINE = inProto('baseline/schema.graphql');
