#!/usr/bin/env node
import { keepMemorySmall } from '@holdfast/shared/runtime/memory.ts';

if (process.argv[2] === 'run') keepMemorySmall();
const { createProgram } = await import('./cli/program.ts');
await createProgram().parseAsync();
