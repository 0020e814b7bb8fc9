import { buildSchema, findBreakingChanges, lexicographicSortSchema, printSchema } from 'graphql';
import { TYPE_DEFINITIONS } from './schema.ts';

/** The contract as proto/schema.graphql has it: in one order. */
export function schemaText(): string {
  return `${printSchema(lexicographicSortSchema(buildSchema(TYPE_DEFINITIONS)))}\n`;
}

/** What in `after` breaks who relies on `before`; empty when it only adds. */
export function breakingChanges(before: string, after: string): readonly string[] {
  const changes = findBreakingChanges(buildSchema(before), buildSchema(after));
  return changes.map(({ type, description }) => `${type}: ${description}`);
}
