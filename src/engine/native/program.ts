import type { Addon, EngineHandle, ProgramHandle } from './addon.js';
import type { Instruction, Word } from './plan/instruction.js';
import type { Plan } from './plan/plan-graph.js';
import type { Kernels } from './plan/planner.js';

/** The kernels of an opened engine, as planning asks for them. */
export function kernelsOf(addon: Addon, engine: EngineHandle, threads: number): Kernels {
  const code = (list: readonly string[], name: string): number => {
    const at = list.indexOf(name);
    if (at < 0) throw new Error(`the native engine has no operation ${name}: it was built from other sources`);
    return at;
  };
  return {
    threads,
    scratchBytes: (operation, words) =>
      addon.scratchBytes(engine, Float64Array.of(code(addon.operations, operation), ...words)),
    mapCode: (name) => code(addon.mapOperations, name),
  };
}

/** Makes a plan a program: operations become numbers and operands addresses. */
export function createProgram(addon: Addon, engine: EngineHandle, plan: Plan, profile: boolean): ProgramHandle {
  const encoded = (instructions: readonly Instruction[]): Float64Array =>
    Float64Array.from(instructions.flatMap((instruction) => encode(addon, plan, instruction)));
  const sizes = plan.results.map(({ bytes }) => bytes);
  return addon.createProgram(
    engine,
    encoded(plan.instructions),
    plan.constants,
    plan.arenaBytes,
    Float64Array.from(plan.inputBytes),
    Float64Array.from(sizes),
    profile,
    encoded(plan.setup.instructions),
    plan.setup.sources(),
    plan.packedBytes,
  );
}

/** kernels/program.h's number of the first input; the arena (while a program is made: the sources) and the constants are before. */
const FIRST_INPUT = 2;

function encode(addon: Addon, plan: Plan, { operation, words }: Instruction): number[] {
  const encoded = words.flatMap((word) => encodeWord(plan, word));
  return [addon.operations.indexOf(operation), encoded.length, ...encoded];
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
      return [1, plan.constants.length + buffer.at + offset];
    case 'input':
      return [FIRST_INPUT + buffer.at, offset];
    case 'output':
      return [FIRST_INPUT + plan.inputBytes.length + buffer.at, offset];
  }
}
