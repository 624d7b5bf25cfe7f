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
    return constant !== undefined && (constant.role !== 'statistic' || constant.frozen === true);
  };
  return respell(graph, (node) => {
    const found = normed.get(node);
    return found && node.inputs.slice(3).every(stays) ? inFilters(found.conv, found.axis) : undefined;
  });
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
