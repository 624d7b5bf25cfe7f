import type { ArchiveLimits } from '../archive/index.js';
import type { DatasetInspection, ModelInspection, TensorInfo } from '../contract.js';
import { type Graph, getSpec } from '../graph/graph.js';

// Modules are loaded when they are needed: reading a small upload takes less time than loading all of them.

/** Reads an uploaded model and says what it is, and which units it has by default. @throws EspalierError */
export async function inspectModel(path: string, name: string, limits?: ArchiveLimits): Promise<ModelInspection> {
  const { openModel } = await import('./open-model.js');
  const { model, close } = await openModel(path, name, { limits });
  try {
    const { graph } = model;
    const { ChannelMutator } = await import('../pruning/index.js');
    const { graphCost } = await import('../graph/cost.js');
    const mutator = new ChannelMutator();
    mutator.prepareFromSupernet(graph);
    const { macs, parameters } = graphCost(graph);
    return {
      format: model.format,
      name: model.name,
      inputs: graph.inputs.map((id) => {
        const info = tensorInfo(graph, id, id);
        const open = model.openAxes.get(id) ?? [];
        return { ...info, shape: info.shape.map((extent, axis) => (open.includes(axis) ? null : extent)) };
      }),
      outputs: graph.outputs.map((output) => tensorInfo(graph, output.name, output.value)),
      parameters,
      macs,
      units: mutator.configTemplate({ withUnitInitArgs: true, withChannels: true }),
      warnings: model.warnings,
    };
  } finally {
    await close();
  }
}

/** Reads an uploaded data set whole and says what it is. @throws EspalierError */
export async function inspectDataset(path: string, name: string, limits?: ArchiveLimits): Promise<DatasetInspection> {
  const { inspectDataset: inspectDatasetFile } = await import('../data/index.js');
  return inspectDatasetFile(path, { name, ...(limits && { limits }) });
}

function tensorInfo(graph: Graph, name: string, value: string): TensorInfo {
  const { dtype, shape } = getSpec(graph, value);
  return { name, dtype, shape: shape.map((d) => (typeof d === 'number' ? d : null)) };
}
