import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadPolicy } from '@open-policy-agent/opa-wasm';
import { messageOf } from '../../lib/message-of.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { answerSchema, manifestSchema } from './bundle.ts';
import type { Policy, PolicyDecision } from './policy.ts';

export interface WasmPolicyOptions {
  /** Holds `policy.wasm` and `bundle.json`, as `npm run policies` writes them. */
  readonly folder: string;
  readonly runtime: Pick<Runtime, 'log' | 'metrics'>;
}

/** What the rules read is set once; more than this is no configuration. */
const DATA_BYTES_MAX = 1024 * 1024;
const NO_REVISION = 'none';

type Evaluate = (input: object) => unknown;

/**
 * The compiled rules of a bundle. One that is missing or damaged, its bytes not being what its
 * revision names, opens as a policy that denies everything and says why.
 */
export async function openWasmPolicy(options: WasmPolicyOptions): Promise<Policy> {
  try {
    const { evaluate, revision } = await load(options.folder);
    return decided(options, revision, (input) => answerOf(evaluate(input)));
  } catch (cause) {
    options.runtime.log.error({ err: cause }, 'there is no policy bundle: everything is denied');
    const reasons = [`there is no usable policy bundle: ${messageOf(cause)}`];
    return decided(options, NO_REVISION, () => ({ allowed: false, reasons }));
  }
}

async function load(folder: string): Promise<{ evaluate: Evaluate; revision: string }> {
  const [wasm, text] = await Promise.all([
    readFile(join(folder, 'policy.wasm')),
    readFile(join(folder, 'bundle.json'), 'utf8'),
  ]);
  const { revision, data } = manifestSchema.parse(JSON.parse(text));
  const dataText = JSON.stringify(data);
  if (dataText.length > DATA_BYTES_MAX)
    throw new Error(`the data of the rules has more than ${DATA_BYTES_MAX} bytes`);
  const found = createHash('sha256').update(wasm).update(dataText).digest('hex');
  if (found !== revision) throw new Error(`it is ${found}, and says that it is ${revision}`);
  const policy = await loadPolicy(Uint8Array.from(wasm));
  policy.setData(data);
  return { evaluate: (input) => policy.evaluate(input), revision };
}

type Answer = Omit<PolicyDecision, 'revision'>;

function answerOf(evaluated: unknown): Answer {
  return answerSchema.parse(evaluated)[0].result;
}

/** Each decision is logged and counted, with the revision that made it. */
function decided(
  { runtime: { log, metrics } }: WasmPolicyOptions,
  revision: string,
  answer: (input: object) => Answer,
): Policy {
  const decisions = metrics.counter(
    'holdfast_policy_decisions_total',
    'Decisions by the rules of the policy bundle.',
    ['action', 'outcome'],
  );
  return {
    revision,
    decide(principal, question) {
      const { action } = question;
      const { allowed, reasons } = attempt(() => answer({ principal, ...question }));
      decisions.add(1, { action, outcome: allowed ? 'allowed' : 'denied' });
      const { subject, tenant } = principal;
      log.info({ action, allowed, reasons, subject, tenant, revision }, 'policy decision');
      return { allowed, reasons, revision };
    },
  };
}

/** A rule that fails allows nothing. */
function attempt(answer: () => Answer): Answer {
  try {
    return answer();
  } catch (cause) {
    return { allowed: false, reasons: [`the rule failed: ${messageOf(cause)}`] };
  }
}
