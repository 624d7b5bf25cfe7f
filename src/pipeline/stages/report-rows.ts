import { graphCost } from '../../graph/cost.js';
import { type Graph, getSpec, type Node } from '../../graph/graph.js';
import { getOp } from '../../graph/ops/index.js';
import type { ChannelMutator } from '../../pruning/index.js';
import type { LayerMeasure, LayerRow, UnitRow } from '../../report/unit-report.js';

/** By unit, the importance of each channel; null for units that keep channels by position alone. JSON, for checkpoints. */
export type Importances = Readonly<Record<string, readonly number[] | null>>;

/** What the current masks were chosen by: to be asked for when they are chosen, since training changes weights. */
export function unitImportances(mutator: ChannelMutator): Importances {
  return Object.fromEntries(
    mutator.mutableUnits.map((unit) => {
      const importance = unit.importance(mutator.importanceSource);
      return [unit.name, importance ? [...importance] : null];
    }),
  );
}

/** One row a mutable unit: what it kept, and by which importances. */
export function unitRows(mutator: ChannelMutator, importances: Importances): UnitRow[] {
  return mutator.mutableUnits.map((unit) => {
    const { outputRelated, inputRelated, renormalised } = unit.channelUnit;
    const values = importances[unit.name];
    return {
      name: unit.name,
      num_channels: unit.numChannels,
      kept: unit.activatedChannels,
      ratio: unit.activatedChannels / unit.numChannels,
      importance: values
        ? { criterion: unit.criterion(mutator.importanceSource), values }
        : { criterion: 'position', values: [] },
      kept_indices: [...unit.keptIndices],
      output_related: outputRelated.map(({ name, start, end }) => ({ name, start, end })),
      input_related: inputRelated.map(({ name, start, end }) => ({ name, start, end })),
      renormalised,
    };
  });
}

/** One row a layer with weights of the original model, in its order. */
export function layerRows(original: Graph, pruned: Graph, counting: 'macs' | 'mmrazor'): LayerRow[] {
  const before = measureLayers(original, counting);
  const after = measureLayers(pruned, counting);
  return [...before].map(([name, { op, measure }]) => ({
    name,
    op,
    before: measure,
    after: after.get(name)?.measure ?? null,
  }));
}

function measureLayers(graph: Graph, counting: 'macs' | 'mmrazor'): Map<string, { op: string; measure: LayerMeasure }> {
  const { perNode } = graphCost(graph);
  const layers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    const layer = node.layer ?? node.name;
    layers.set(layer, [...(layers.get(layer) ?? []), node]);
  }
  const rows = new Map<string, { op: string; measure: LayerMeasure }>();
  for (const [layer, nodes] of layers) {
    const weighted = nodes.find((node) =>
      getOp(node.op).parametric?.(
        node,
        node.inputs.map((id) => graph.values.get(id)),
      ),
    );
    if (!weighted) continue;
    const constants = new Set(nodes.flatMap((node) => node.inputs).filter((id) => graph.constants.has(id)));
    let parameters = 0;
    for (const id of constants) {
      const { role, tensor } = graph.constants.get(id)!;
      if (role !== 'literal') parameters += tensor.data.length;
    }
    rows.set(layer, {
      op: weighted.op,
      measure: {
        shape: getSpec(graph, weighted.outputs[0]).shape.map((d) => (typeof d === 'number' ? d : null)),
        parameters,
        macs: nodes.reduce((sum, node) => sum + perNode.get(node.name)![counting], 0),
      },
    });
  }
  return rows;
}
