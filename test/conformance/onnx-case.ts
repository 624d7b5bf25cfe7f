import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import type { Tensor } from '../../src/graph/tensor.js';
import { decodeModel, decodeTensor, type NodeProto, TensorProtoSchema } from '../../src/onnx-proto/index.js';

/** One case of the ONNX backend tests: a model of one node, and inputs with the outputs that they must give. */
export interface OnnxCase {
  readonly node: NodeProto;
  /** By the names that the node reads; initializers included. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: readonly Tensor[];
}

/** The op types of a case's model, in order. */
export function caseOps(folder: string): string[] {
  return decodeModel(readFileSync(join(folder, 'model.onnx'))).graph!.node.map((node) => node.opType);
}

export function readCase(folder: string): OnnxCase {
  const graph = decodeModel(readFileSync(join(folder, 'model.onnx'))).graph!;
  const tensors = (kind: 'input' | 'output') => {
    const data = join(folder, 'test_data_set_0');
    const count = readdirSync(data).filter((file) => file.startsWith(`${kind}_`)).length;
    return Array.from({ length: count }, (_, i) =>
      decodeTensor(fromBinary(TensorProtoSchema, readFileSync(join(data, `${kind}_${i}.pb`)))),
    );
  };
  const initializers = new Map(graph.initializer.map((t) => [t.name, decodeTensor(t)]));
  const names = graph.input.map((info) => info.name).filter((name) => !initializers.has(name));
  const inputs = new Map([...initializers, ...tensors('input').map((t, i) => [names[i], t] as const)]);
  return { node: graph.node[0], inputs, outputs: tensors('output') };
}
