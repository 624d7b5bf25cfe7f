import { createRequire } from 'node:module';
import type { DType } from '../../graph/tensor.js';
import { findNativeAddon } from '../../installed-engines.js';

declare const engineHandle: unique symbol;
declare const programHandle: unique symbol;
/** Threads, and the memory that programs run in by turns. */
export type EngineHandle = { readonly [engineHandle]: true };
export type ProgramHandle = { readonly [programHandle]: true };

/** One kind of instruction, as kernels/operators.c has it: its fields, lists and operands are written in this order. */
export interface InstructionSpec {
  readonly name: string;
  readonly fields: readonly {
    readonly name: string;
    readonly least: number;
    readonly most: number;
    readonly whole: boolean;
  }[];
  readonly lists: readonly string[];
  readonly operands: readonly OperandSpec[];
  /** Whether its last operand is scratch, or what a `…_pack` fills: of as many bytes as `scratchBytes` says. */
  readonly scratch: boolean;
}

export interface OperandSpec {
  readonly name: string;
  readonly access: 'read' | 'write' | 'scratch';
  readonly dtype: DType | 'any';
  readonly optional: boolean;
  /** A list of operands, as many as a field says. */
  readonly many: boolean;
}

/** What addon.c exports. Words are those of kernels/program.h. */
export interface Addon {
  /** The kinds of instructions; an instruction's first word is an index of this list. */
  readonly instructions: readonly InstructionSpec[];
  /** Names of the operations of a `map` instruction. */
  readonly mapOperations: readonly string[];
  /** The instruction set that the kernels use. */
  readonly isa: string;
  createEngine(threads: number): EngineHandle;
  /**
   * Bytes of scratch that an instruction needs, or that a `…_pack` fills: its operation's index, its fields and lists.
   * @throws Error of code PLAN_REFUSED where a kernel can't hold them
   */
  scratchBytes(engine: EngineHandle, words: Float64Array): number;
  /**
   * Runs `setupWords` at once: they fill the packed bytes, which lie behind the constants, from the sources. Both programs are checked
   * first: every operand must lie in its memory.
   * @throws Error of code PLAN_REFUSED for a program that the kernels can't hold
   */
  createProgram(
    engine: EngineHandle,
    words: Float64Array,
    constants: Uint8Array,
    arenaBytes: number,
    inputBytes: Float64Array,
    outputBytes: Float64Array,
    profile: boolean,
    setupWords: Float64Array,
    sources: Uint8Array,
    packedBytes: number,
  ): ProgramHandle;
  /** One run of an engine at a time. */
  run(program: ProgramHandle, inputs: readonly ArrayBufferView[], outputs: readonly ArrayBufferView[]): Promise<void>;
  release(program: ProgramHandle): void;
  /** Gives back the memory that runs kept for the next one. */
  trim(engine: EngineHandle): void;
  milliseconds(program: ProgramHandle): number[];
}

/** Loads the addon, or says why it can't be had. */
export function loadAddon(): { readonly addon: Addon } | { readonly reason: string } {
  const path = findNativeAddon();
  if (path === undefined) return { reason: 'it is not built, which takes a C compiler when Espalier is installed' };
  try {
    return { addon: createRequire(import.meta.url)(path) as Addon };
  } catch (error) {
    return { reason: `it does not load: ${error instanceof Error ? error.message : String(error)}` };
  }
}
