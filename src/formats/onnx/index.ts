import type { GraphProto } from '../../onnx-proto/index.js';
import type { FileSet, LoadedModel, ModelFormat, ReadOptions } from '../format.js';
import { ROUNDING_TYPES } from './element-types.js';
import { tensorType } from './input-shapes.js';
import { lowerModel } from './lower-model.js';
import { findOnnxFiles, openOnnxFile } from './onnx-file.js';
import { writeModel } from './write/write.js';

/** ONNX models: one `.onnx` file, or a zip of it and the files that hold its weights. */
export const ONNX: ModelFormat<'onnx'> = {
  id: 'onnx',
  takes: 'an ONNX model: an .onnx file, or a zip of it and its external data',
  match: async (files) => findOnnxFiles(files).length > 0,
  read,
};

/** Whether values are cast to a narrow float on the way, or come in as one. */
function roundsValues({ node, input }: GraphProto): boolean {
  const casts = node.some(
    ({ opType, attribute }) =>
      opType === 'Cast' && attribute.some(({ name, i }) => name === 'to' && ROUNDING_TYPES.has(Number(i))),
  );
  return casts || input.some((info) => ROUNDING_TYPES.has(tensorType(info)?.elemType ?? 0));
}

async function read(files: FileSet, options: ReadOptions = {}): Promise<LoadedModel> {
  const file = await openOnnxFile(files);
  const lowered = lowerModel(file, options);
  const types = new Map(file.graph.initializer.map(({ name, dataType }) => [name, dataType]));
  return {
    format: 'onnx',
    name: file.graph.name || 'model',
    graph: lowered.graph,
    warnings: lowered.warnings,
    openAxes: lowered.openAxes,
    quantized: lowered.constants.some(({ name }) => ROUNDING_TYPES.has(types.get(name) ?? 0)),
    roundsValues: roundsValues(file.graph),
    write: async (graph, options) => writeModel({ files, file: await openOnnxFile(files), lowered }, graph, options),
  };
}
