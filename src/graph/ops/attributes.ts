import type { Node } from '../graph.js';
import { OpError } from '../op-spec.js';

/** Reading attributes of nodes, with the default of docs/ir.md. All throw OpError for a value of another kind. */

export function numberAttr(node: Node, name: string, fallback: number): number {
  return optionalNumberAttr(node, name) ?? fallback;
}

export function optionalNumberAttr(node: Node, name: string): number | undefined {
  const value = node.attrs[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || Number.isNaN(value)) throw fault(node, name, 'a number');
  return value;
}

export function intAttr(node: Node, name: string, fallback: number): number {
  const value = numberAttr(node, name, fallback);
  if (!Number.isSafeInteger(value)) throw fault(node, name, 'a whole number');
  return value;
}

/** A 0/1 attribute. */
export function flagAttr(node: Node, name: string, fallback: boolean): boolean {
  const value = node.attrs[name] ?? fallback;
  if (value === true || value === 1) return true;
  if (value === false || value === 0) return false;
  throw fault(node, name, '0 or 1');
}

/** A list of whole numbers. Without a fallback the attribute must be there. */
export function intsAttr(node: Node, name: string, fallback?: readonly number[]): readonly number[] {
  const value = node.attrs[name] ?? fallback;
  if (!Array.isArray(value) || !value.every((v) => Number.isSafeInteger(v))) {
    throw fault(node, name, 'a list of whole numbers');
  }
  return value as readonly number[];
}

/** A list of numbers, which must be there. */
export function numbersAttr(node: Node, name: string): readonly number[] {
  const value = node.attrs[name];
  if (!Array.isArray(value) || !value.every((v) => typeof v === 'number')) throw fault(node, name, 'a list of numbers');
  return value as readonly number[];
}

export function choiceAttr<T extends string>(node: Node, name: string, choices: readonly T[], fallback: T): T {
  const value = node.attrs[name] ?? fallback;
  const choice = choices.find((c) => c === value);
  if (choice === undefined) throw fault(node, name, `one of ${choices.join(', ')}`);
  return choice;
}

function fault(node: Node, name: string, expected: string): OpError {
  return new OpError(node, `attribute ${name} must be ${expected}, got ${JSON.stringify(node.attrs[name])}`);
}
