import { GraphRefused } from '../../refusal.js';
import type { InstructionSpec } from '../addon.js';
import type { Buffer, View } from './view.js';

/** A place in memory that an instruction reads or writes. */
export interface Reference {
  readonly buffer: Buffer;
  /** In bytes. */
  readonly offset: number;
}

/** One word of an instruction: a number, an operand, or an operand that is absent. */
export type Word = number | Reference | undefined;

/** One instruction before its operands have addresses. */
export interface Instruction {
  /** A name of the addon's list of instructions. */
  readonly operation: string;
  readonly words: readonly Word[];
  readonly reads: readonly Buffer[];
  readonly writes: readonly Buffer[];
  /** Pairs of a buffer that is read and one that is written, which may be one and the same. */
  readonly inPlace: readonly (readonly [read: Buffer, written: Buffer])[];
  /** What it computes, for profiles. */
  readonly label: string;
}

/** Fields and lists of an instruction, by name. */
export type Fields = Readonly<Record<string, number>>;
export type Lists = Readonly<Record<string, readonly number[]>>;
export type Operands = Readonly<Record<string, View | readonly View[] | undefined>>;

const BYTES: Readonly<Record<View['dtype'], number>> = {
  float32: 4,
  float64: 8,
  int32: 4,
  int64: 8,
  uint8: 1,
  bool: 1,
};

export const dtypeBytes = (dtype: View['dtype']): number => BYTES[dtype];

/** The address of a view's first element. */
export const reference = (view: View): Reference => ({
  buffer: view.buffer,
  offset: view.offset * dtypeBytes(view.dtype),
});

/** kernels/contract.h's numbers of dtypes. */
export const DTYPE_CODES: Readonly<Record<View['dtype'], number>> = {
  float32: 0,
  float64: 1,
  int32: 2,
  int64: 3,
  uint8: 4,
  bool: 5,
};

/**
 * Fields and lists in the order that the kernels read them.
 * @throws GraphRefused for a number out of the kernel's bounds; Error for names that aren't the instruction's
 */
export function writeNumbers(spec: InstructionSpec, fields: Fields, lists: Lists): number[] {
  sameNames(
    spec,
    'fields',
    spec.fields.map(({ name }) => name),
    Object.keys(fields),
  );
  sameNames(spec, 'lists', spec.lists, Object.keys(lists));
  const numbers = spec.fields.map(({ name, least, most, whole }) => {
    const number = fields[name];
    if (number >= least && number <= most && (!whole || Number.isInteger(number))) return number;
    throw new GraphRefused(`${spec.name}: ${name} is ${number}, and its kernel takes ${least} to ${most}`);
  });
  return [...numbers, ...spec.lists.flatMap((name) => lists[name])];
}

/**
 * Operands in the order that the kernels read them, and which are read or written. Scratch is not among them.
 * @throws GraphRefused for one whose elements have another type than the kernel's
 */
export function writeOperands(
  spec: InstructionSpec,
  operands: Operands,
): { words: Word[]; reads: View[]; writes: View[] } {
  const own = spec.operands.filter(({ access }) => access !== 'scratch');
  const given = Object.keys(operands);
  const required = own.filter(({ name, optional }) => !optional || given.includes(name)).map(({ name }) => name);
  sameNames(spec, 'operands', required, given);
  const words: Word[] = [];
  const [reads, writes]: [View[], View[]] = [[], []];
  for (const { name, access, dtype, optional, many } of own) {
    const operand = operands[name];
    const views = Array.isArray(operand)
      ? (operand as readonly View[])
      : operand === undefined
        ? []
        : [operand as View];
    if (!many && !optional && views.length !== 1) throw new Error(`${spec.name}: its operand ${name} is missing`);
    if (!many && views.length === 0) words.push(undefined);
    for (const view of views) {
      if (dtype !== 'any' && view.dtype !== dtype) {
        throw new GraphRefused(`${spec.name}: ${name} is of ${view.dtype}, and its kernel computes in ${dtype}`);
      }
      words.push(reference(view));
      (access === 'read' ? reads : writes).push(view);
    }
  }
  return { words, reads, writes };
}

function sameNames(spec: InstructionSpec, what: string, wanted: readonly string[], given: readonly string[]): void {
  const missing = wanted.filter((name) => !given.includes(name));
  const unknown = given.filter((name) => !wanted.includes(name));
  if (missing.length === 0 && unknown.length === 0) return;
  throw new Error(
    `${spec.name} has the ${what} ${wanted.join(', ')}; missing: ${missing.join(', ')}; unknown: ${unknown.join(', ')}`,
  );
}
