import { formatShape } from '../graph/dims.js';
import type { Forward } from './forward.js';
import type { StepBuilder } from './step-builder.js';

/**
 * Reverse-mode differentiation of a forward pass: walks its tape backwards, applies each node's rule, and adds up where
 * a value is used several times.
 * @param seeds values of the forward pass, each with the gradient of the loss by it
 * @returns the gradient of every tracked value that the result depends on, by value
 */
export function backpropagate(
  b: StepBuilder,
  forward: Forward,
  seeds: readonly (readonly [string, string])[],
): ReadonlyMap<string, string> {
  const gradients = new Map<string, string>();
  const add = (value: string, dy: string): void => {
    const before = gradients.get(value);
    gradients.set(value, before === undefined ? dy : b.op('Add', [before, dy]));
  };
  for (const [value, dy] of seeds) add(value, dy);
  for (const { node, inputs, output, gradient } of forward.tape.toReversed()) {
    const dOutput = gradients.get(output);
    if (dOutput === undefined) continue;
    b.enter('gradient', node);
    const needs = (i: number): boolean => forward.tracked.has(inputs[i] ?? '');
    const dInputs = gradient(dOutput, { builder: b, needs });
    inputs.forEach((input, i) => {
      const dInput = dInputs[i];
      if (!needs(i) || dInput === undefined) return;
      const [found, expected] = [formatShape(b.shape(dInput)), formatShape(b.shape(input))];
      if (found !== expected) {
        throw new Error(`the gradient of input ${i} of ${node.name} (${node.op}) has shape ${found}, not ${expected}`);
      }
      add(input, dInput);
    });
  }
  return gradients;
}
