import type { Graph, Node } from '../graph/graph.js';
import { epsilonOf } from '../graph/ops/sample-normalization.js';
import { normedConvolutions } from '../graph/passes/fold-batch-normalization.js';
import { respell, type Spelling } from '../graph/passes/respell.js';

/**
 * Batch norms whose statistics stay, as part of the convolutions before them: y = conv(x, W·a) + B - mean·a with a = scale/√(var + ε) for each
 * output channel, written out, so that W, scale and B go on learning. What has the size of x is gone through once, not four times.
 * @param targets values that must be there
 */
export function normsInFilters(graph: Graph, targets: readonly string[]): Graph {
  const normed = normedConvolutions(graph, targets);
  const stays = (id: string): boolean => {
    const constant = graph.constants.get(id);
    return constant?.frozen === true || constant?.role === 'literal';
  };
  const taken = [...normed].filter(([norm]) => norm.inputs.slice(3).every(stays));
  const takers = new Map(taken.map(([norm, { conv }]) => [norm.outputs[0], conv]));
  const spellings = new Map(taken.map(([norm, { conv, axis }]) => [norm, inFilters(conv, axis)]));
  const absorbed = new Set(takers.values());
  const spelled = respell(graph, (node) => spellings.get(node));
  const nodes = spelled.nodes.flatMap((node) => {
    if (absorbed.has(node)) return [];
    // Whatever is wrong with it, it is the convolution's layer that is looked for.
    const conv = takers.get(node.outputs[0]);
    return conv ? { ...conv, inputs: node.inputs, outputs: node.outputs } : node;
  });
  return { ...spelled, nodes };
}

function inFilters(conv: Node, axis: number): Spelling {
  return (norm, c) => {
    const [x, weight, bias] = conv.inputs;
    const [, scale, shift, mean, variance] = norm.inputs;
    const deviation = c.op('Sqrt', [c.op('Add', [variance, c.scalar(epsilonOf(norm), variance)])]);
    const factor = c.op('Div', [scale, deviation]);
    const shape = c.shape(weight).map((_, i) => (i === axis ? -1 : 1));
    const filters = c.op('Mul', [weight, c.op('Reshape', [factor], { shape })]);
    const centre = bias ? c.op('Sub', [mean, bias]) : mean;
    const added = c.op('Sub', [shift, c.op('Mul', [centre, factor])]);
    return c.op(conv.op, [x, filters, added], conv.attrs);
  };
}
