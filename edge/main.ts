#!/usr/bin/env node
import { keepYoungGenerationSmall } from '@holdfast/shared/runtime/memory.ts';

keepYoungGenerationSmall();
const { createProgram } = await import('./cli/program.ts');
await createProgram().parseAsync();
