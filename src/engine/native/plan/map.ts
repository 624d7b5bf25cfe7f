import type { DType } from '../../../graph/tensor.js';
import type { Expression, Term } from './expression.js';
import { DTYPE_CODES } from './instruction.js';
import type { Planner } from './planner.js';
import type { MapStep } from './steps.js';
import { broadcastView, collapse, denseOrder, isDense, type Order, plainOrder, type View } from './view.js';

/** Emits a step as one instruction. `dtype` is that of results that are no values of the graph. */
export function emitMap(planner: Planner, step: MapStep, dtype?: DType): void {
  // What nothing reads has not to be computed.
  if (step.outputs.length === 0) return;
  const { shape, expression } = step;
  const order = chooseOrder(planner, step);
  const reads = expression.reads().map((id) => {
    const view = planner.view(id);
    const full = sameShape(view.shape, shape) ? inOrder(planner, view, order) : view;
    return broadcastView(full, shape);
  });
  const writes = step.outputs.map((id) => planner.allocate(dtype ?? planner.spec(id).dtype, shape, order));
  step.outputs.forEach((id, i) => {
    planner.define(id, writes[i]);
  });

  const pick = (values: readonly number[]): number[] => order.map((axis) => values[axis]);
  const { dims, strides } = collapse(
    pick(shape),
    [...reads, ...writes].map((view) => pick(view.strides)),
  );
  const registers = assignRegisters(step);
  const operands = [...reads, ...writes];
  const inPlace = reads.flatMap((read, r) =>
    writes.flatMap((write, w) =>
      read.dtype === write.dtype && isDense(read, order) && read.offset === 0 && registers.mayReplace(r, w)
        ? [[read, write] as const]
        : [],
    ),
  );
  const fields = {
    wide: step.wide ? 1 : 0,
    rank: dims.length,
    inputs: reads.length,
    outputs: writes.length,
    literals: registers.literals.length,
    registers: registers.count,
    operations: registers.operations.length,
  };
  const lists = {
    dims,
    dtypes: operands.map(({ dtype }) => DTYPE_CODES[dtype]),
    results: registers.outputs,
    strides: strides.flat(),
    literals: registers.literals,
    operations: registers.operations.flatMap(({ name, to, operands: [a, b = a, c = a] }) => {
      return [planner.kernels.mapCode(name), to, a, b, c];
    }),
  };
  planner.emit('map', { inputs: reads, outputs: writes }, fields, { lists, inPlace });
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((extent, i) => extent === b[i]);

/** The layout of most of what is read whole: another than the plain one, where there is one. */
function chooseOrder(planner: Planner, { shape, expression }: MapStep): Order {
  const plain = plainOrder(shape.length);
  for (const id of expression.reads()) {
    const view = planner.view(id);
    if (!sameShape(view.shape, shape)) continue;
    const order = denseOrder(view);
    if (order && !isDense(view, plain)) return order;
  }
  return plain;
}

/** A whole operand in another layout is copied into this one; one with gaps is read as it is. */
function inOrder(planner: Planner, view: View, order: Order): View {
  return denseOrder(view) ? planner.ordered(view, order) : view;
}

interface Operation {
  readonly name: string;
  readonly to: number;
  readonly operands: readonly number[];
}

interface Registers {
  readonly literals: readonly number[];
  readonly operations: readonly Operation[];
  readonly outputs: readonly number[];
  readonly count: number;
  /** Whether read operand r may lie where result w is written: it isn't read any more by then. */
  mayReplace(r: number, w: number): boolean;
}

type OperationTerm = Term & { readonly kind: 'operation' };

/** Reads and literals have registers of their own, results too; what lies between is used again as soon as it may. */
function assignRegisters({ expression, outputs }: MapStep): Registers {
  const { terms } = fuseProducts(expression, outputs);
  const results = outputs.map((id) => expression.results.get(id)!);
  // A result that is an operand as it stands, or equals another, is copied.
  const copies: { to: number; of: number }[] = [];
  const lastUse = new Map<number, number>();
  terms.forEach((term, i) => {
    if (term?.kind === 'operation') for (const operand of term.operands) lastUse.set(operand, i);
  });
  const register = new Map<number, number>();
  let count = 0;
  for (const kind of ['read', 'literal'] as const) {
    terms.forEach((term, i) => {
      if (term?.kind === kind) register.set(i, count++);
    });
  }
  const outputRegisters = results.map((term, w) => {
    const own = count++;
    const first = results.indexOf(term) === w;
    if (first && terms[term]?.kind === 'operation') register.set(term, own);
    else copies.push({ to: own, of: term });
    return own;
  });

  const free: number[] = [];
  const kept = new Set(results);
  const operations: Operation[] = [];
  const lastRead = new Map<number, number>();
  const writtenAt = new Map<number, number>();
  const push = (operation: Operation): void => {
    for (const operand of operation.operands) lastRead.set(operand, operations.length);
    writtenAt.set(operation.to, operations.length);
    operations.push(operation);
  };
  terms.forEach((term, i) => {
    if (term?.kind !== 'operation') return;
    const operands = term.operands.map((operand) => register.get(operand)!);
    for (const operand of new Set(term.operands)) {
      const isTemporary = terms[operand]?.kind === 'operation' && !kept.has(operand);
      if (isTemporary && lastUse.get(operand) === i) free.push(register.get(operand)!);
    }
    if (!register.has(i)) register.set(i, free.pop() ?? count++);
    push({ name: term.name, to: register.get(i)!, operands });
  });
  for (const { to, of } of copies) push({ name: 'copy', to, operands: [register.get(of)!] });

  const reads = [...register].filter(([term]) => terms[term]?.kind === 'read').map(([, own]) => own);
  return {
    literals: terms.flatMap((term) => (term?.kind === 'literal' ? [term.number] : [])),
    operations,
    outputs: outputRegisters,
    count,
    mayReplace: (r, w) => (lastRead.get(reads[r]) ?? -1) <= (writtenAt.get(outputRegisters[w]) ?? -1),
  };
}

/** `a·b + c`, where the product is used only there, as one operation. Terms that are no longer needed are gone. */
function fuseProducts(expression: Expression, outputs: readonly string[]): { terms: (Term | undefined)[] } {
  const terms: (Term | undefined)[] = [...expression.terms];
  const uses = new Map<number, number>();
  const use = (term: number): unknown => uses.set(term, (uses.get(term) ?? 0) + 1);
  for (const id of outputs) use(expression.results.get(id)!);
  for (const term of terms) if (term?.kind === 'operation') term.operands.forEach(use);
  const isProduct = (i: number): boolean => {
    const term = terms[i];
    return term?.kind === 'operation' && term.name === 'mul' && uses.get(i) === 1;
  };
  terms.forEach((term, i) => {
    if (term?.kind !== 'operation' || term.name !== 'add') return;
    const at = term.operands.findIndex(isProduct);
    if (at < 0) return;
    const product = term.operands[at];
    const factors = (terms[product] as OperationTerm).operands;
    terms[i] = { kind: 'operation', name: 'muladd', operands: [...factors, term.operands[1 - at]] };
    terms[product] = undefined;
  });
  for (let i = terms.length - 1; i >= 0; i--) {
    const term = terms[i];
    if (term?.kind !== 'operation' || (uses.get(i) ?? 0) > 0) continue;
    terms[i] = undefined;
    for (const operand of term.operands) uses.set(operand, uses.get(operand)! - 1);
  }
  return { terms };
}
