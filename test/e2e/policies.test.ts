import { describe, expect, it } from 'vitest';
import { committedBundle, compilePolicies, OPA, testPolicies } from '../../infra/local/policies.ts';
import { whyNoGoTool } from '../../infra/local/stack/go-tool.ts';

const why = whyNoGoTool(OPA);
/** On two busy cores with an empty cache. */
const BUILD_TIMEOUT_MS = 900_000;

describe.skipIf(why)(`policies${why ? ` (skipped: ${why})` : ''}`, () => {
  it(
    'pass their own tests, each line of them covered',
    async () => {
      expect(await testPolicies()).toMatch(/^PASS: \d+\/\d+$/m);
    },
    BUILD_TIMEOUT_MS,
  );

  it(
    'are what the committed bundle was compiled from; npm run policies writes it',
    async () => {
      const compiled = await compilePolicies();
      const committed = committedBundle();
      expect(committed.manifest).toBe(compiled.manifest);
      expect(committed.wasm.equals(compiled.wasm)).toBe(true);
    },
    BUILD_TIMEOUT_MS,
  );
});
