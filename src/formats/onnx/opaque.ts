import { toBinary } from '@bufbuild/protobuf';
import type { TensorSpec } from '../../graph/graph.js';
import { NodeProtoSchema } from '../../onnx-proto/index.js';
import { BATCH } from './batch.js';
import type { NodeLowering } from './lowering.js';

/** Operators that the IR doesn't have, of which it is known that the result has the shape and type of the first input. */
const LIKE_FIRST_INPUT: ReadonlySet<string> = new Set(
  `Acos Acosh Asin Asinh Atan Atanh BitShift BitwiseNot Ceil Cos Cosh CumSum Floor Hardmax LpNormalization
  MeanVarianceNormalization Round Shrink Sign Sin Sinh Swish Tan Trilu`.split(/\s+/),
);

/**
 * Keeps a node as it is: nothing that it touches can be pruned, and an engine that runs ONNX runs it.
 * @param reason why the node is not lowered, for the user
 * @throws EspalierError LAYER_UNSUPPORTED for nodes that hold graphs, and where the file doesn't say what shapes come out
 */
export function lowerOpaque(n: NodeLowering, reason: string): void {
  if (n.attrs.hasSubgraph) throw n.unsupported('operators that hold graphs of their own are not read');
  const inputs = n.node.input.map((name, i) => (name === '' ? '' : n.value(i)));
  const read = n.node.output.map((_, i) => i).filter((i) => n.wants(i));
  const specs = read.map((i) => outputSpec(n, i, inputs, reason));
  const domain = n.node.domain === 'ai.onnx' ? '' : n.node.domain;
  const ids = n.emitOpaque(
    inputs,
    {
      proto: Buffer.from(toBinary(NodeProtoSchema, n.node)).toString('base64'),
      opType: n.node.opType,
      domain,
      version: n.state.domains.get(domain) ?? 1,
      reason,
      /** Which outputs of the node the graph's are. */
      outputs: read,
      dtypes: specs.map((spec) => spec.dtype),
      shapes: specs.map((spec) => JSON.stringify(spec.shape)),
    },
    read.length,
  );
  read.forEach((output, i) => {
    n.result(ids[i], output);
  });
  n.warn('OPAQUE_OP', `${reason}; what it touches is not pruned`);
}

function outputSpec(n: NodeLowering, output: number, inputs: readonly string[], reason: string): TensorSpec {
  if (output === 0 && n.node.domain === '' && LIKE_FIRST_INPUT.has(n.node.opType) && inputs[0])
    return n.specOf(inputs[0]);
  const declared = n.state.declared.get(n.node.output[output]);
  if (!declared) {
    throw n.unsupported(
      `${reason}, and the file doesn't say what shape its output ${n.node.output[output]} has (ONNX's shape inference can add it)`,
    );
  }
  // Declared for the batch that the file is made for, the node may do anything with another.
  const batched = inputs.some((id) => id !== '' && n.specOf(id).shape.includes(BATCH));
  if (batched && n.batch.open && n.batch.extent !== undefined)
    throw n.unsupported(`${reason}, for a batch of any size`);
  return declared;
}
