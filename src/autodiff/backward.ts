import { formatShape } from '../graph/dims.js';
import type { Forward } from './forward.js';
import type { StepBuilder } from './step-builder.js';

/**
 * Reverse-mode differentiation of a forward pass: walks its tape backwards, applies each node's rule, and adds up where
 * a value is used several times.
 * @param dy the gradient of the loss by the forward pass's value
 * @returns the gradient of every tracked value that the result depends on, by value
 */
export function backpropagate(b: StepBuilder, forward: Forward, dy: string): ReadonlyMap<string, string> {
  const gradients = new Map([[forward.value, dy]]);
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
      const before = gradients.get(input);
      gradients.set(input, before === undefined ? dInput : b.op('Add', [before, dInput]));
    });
  }
  return gradients;
}
