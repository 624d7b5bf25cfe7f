import { GraphRefused } from '../refusal.js';
import type { Addon, EngineHandle, ProgramHandle } from './addon.js';
import type { Instruction, Word } from './plan/instruction.js';
import type { Plan } from './plan/plan-graph.js';
import type { Kernels } from './plan/planner.js';

/** The kernels of an opened engine, as planning asks for them. */
export function kernelsOf(addon: Addon, engine: EngineHandle, threads: number): Kernels {
  const specs = new Map(addon.instructions.map((spec, at) => [spec.name, { spec, at }]));
  const find = (operation: string) => specs.get(operation) ?? missing(operation);
  return {
    threads,
    spec: (operation) => find(operation).spec,
    scratchBytes: (operation, numbers) => {
      return held(() => addon.scratchBytes(engine, Float64Array.of(find(operation).at, ...numbers)));
    },
    mapCode: (name) => {
      const at = addon.mapOperations.indexOf(name);
      return at < 0 ? missing(name) : at;
    },
  };
}

function missing(operation: string): never {
  throw new Error(`the native engine has no operation ${operation}: it was built from other sources`);
}

/** @throws GraphRefused where the addon refuses what is asked of it. */
function held<T>(ask: () => T): T {
  try {
    return ask();
  } catch (cause) {
    if (!(cause instanceof Error) || !('code' in cause) || cause.code !== 'PLAN_REFUSED') throw cause;
    throw new GraphRefused(cause.message, { cause });
  }
}

/**
 * Makes a plan a program: operations become numbers and operands addresses.
 * @throws GraphRefused for one that the kernels can't hold
 */
export function createProgram(addon: Addon, engine: EngineHandle, plan: Plan, profile: boolean): ProgramHandle {
  const encoded = (instructions: readonly Instruction[]): Float64Array =>
    Float64Array.from(instructions.flatMap((instruction) => encode(addon, plan, instruction)));
  const sizes = plan.results.map(({ bytes }) => bytes);
  return held(() =>
    addon.createProgram(
      engine,
      encoded(plan.instructions),
      plan.constants(),
      plan.arenaBytes,
      Float64Array.from(plan.inputBytes),
      Float64Array.from(sizes),
      profile,
      encoded(plan.setup.instructions),
      plan.setup.sources(),
      plan.packedBytes,
    ),
  );
}

/** kernels/program.h's number of the first input; the arena (while a program is made: the sources) and the constants are before. */
const FIRST_INPUT = 2;

function encode(addon: Addon, plan: Plan, { operation, words }: Instruction): number[] {
  const encoded = words.flatMap((word) => encodeWord(plan, word));
  return [addon.instructions.findIndex(({ name }) => name === operation), encoded.length, ...encoded];
}

function encodeWord(plan: Plan, word: Word): number[] {
  if (word === undefined) return [-1, 0];
  if (typeof word === 'number') return [word];
  const { buffer, offset } = word;
  switch (buffer.place) {
    case 'arena':
      return [0, plan.offsets.get(buffer)! + offset];
    case 'source':
      return [0, buffer.at + offset];
    case 'constant':
      return [1, buffer.at + offset];
    case 'packed':
      return [1, plan.constantBytes + buffer.at + offset];
    case 'input':
      return [FIRST_INPUT + buffer.at, offset];
    case 'output':
      return [FIRST_INPUT + plan.inputBytes.length + buffer.at, offset];
  }
}
