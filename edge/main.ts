#!/usr/bin/env node
import { keepHeapsSmall, tightenAllocator } from '@holdfast/shared/runtime/memory.ts';

if (process.argv[2] === 'run') tightenAllocator();
keepHeapsSmall();
const { createProgram } = await import('./cli/program.ts');
await createProgram().parseAsync();
