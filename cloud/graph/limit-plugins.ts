import { blockFieldSuggestionsPlugin } from '@escape.tech/graphql-armor-block-field-suggestions';
import { costLimitPlugin } from '@escape.tech/graphql-armor-cost-limit';
import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth';
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens';
import type { ASTVisitor, GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { ALIASES_MAX, COST_MAX, DEPTH_MAX, DIRECTIVES_MAX, TOKENS_MAX } from './limits.ts';
import { refusal } from './refusals.ts';

/** Refuses what asks for too much, before anything is executed. */
export function limitPlugins({ introspection }: { readonly introspection: boolean }): Plugin[] {
  const onReject = [tooComplex];
  const plugins = [
    maxTokensPlugin({ n: TOKENS_MAX, onReject }),
    maxDepthPlugin({ n: DEPTH_MAX, flattenFragments: true, onReject }),
    maxAliasesPlugin({ n: ALIASES_MAX, allowList: [], onReject }),
    costLimitPlugin({ maxCost: COST_MAX, flattenFragments: true, onReject }),
    directivesPlugin(),
    blockFieldSuggestionsPlugin(),
    ...(introspection ? [] : [introspectionPlugin()]),
  ];
  return plugins as Plugin[];
}

/** The plugins call every limit a syntax error, which it is not. */
function tooComplex(_: unknown, error: GraphQLError): never {
  throw refusal('QUERY_TOO_COMPLEX', error.message.replace('Syntax Error: ', ''));
}

/** Of the whole document: a directive that is unknown costs an error each. */
function directivesPlugin(): Plugin {
  return {
    onValidate({ addValidationRule }) {
      addValidationRule((): ASTVisitor => {
        let count = 0;
        return {
          Directive() {
            count++;
            if (count <= DIRECTIVES_MAX) return;
            const message = `Directives limit of ${DIRECTIVES_MAX} exceeded.`;
            throw refusal('QUERY_TOO_COMPLEX', message);
          },
        };
      });
    },
  };
}

/** `__typename` is asked by every client; what the schema is, is in proto/schema.graphql. */
function introspectionPlugin(): Plugin {
  return {
    onValidate({ addValidationRule }) {
      addValidationRule(
        (): ASTVisitor => ({
          Field({ name }) {
            if (name.value !== '__schema' && name.value !== '__type') return;
            throw refusal('FORBIDDEN', 'introspection is for development on loopback');
          },
        }),
      );
    },
  };
}
