#!/usr/bin/env node
import { keepYoungGenerationSmall, tightenAllocator } from '@holdfast/shared/runtime/memory.ts';

if (process.argv[2] === 'run') tightenAllocator();
keepYoungGenerationSmall();
const { createProgram } = await import('./cli/program.ts');
await createProgram().parseAsync();
