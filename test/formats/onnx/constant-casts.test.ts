/** Casts of what is known while a file is read. */
import { expect, test } from 'vitest';
import { OnnxModelBuilder } from '../../../src/engine/onnxruntime/model-builder.js';
import { type DType, tensor } from '../../../src/graph/tensor.js';
import { DATA_TYPES } from '../../../src/onnx-proto/index.js';
import { readOnnxBytes } from '../../support/onnx-files.js';

test.each<[number, DType, number]>([
  [-1.5, 'int64', -1],
  [300, 'uint8', 44],
  [3e9, 'int32', 3e9 - 2 ** 32],
  [Number.POSITIVE_INFINITY, 'int64', 0],
  [0.5, 'bool', 1],
])('%d as %s is %d', async (value, dtype, expected) => {
  const model = new OnnxModelBuilder('casts');
  model.input('x', { dtype: 'int64', shape: ['N', 4] });
  model.initializer('value', tensor('float32', [1], [value]));
  const cast = (from: string, to: DType, name: string) => {
    model.node({ name, opType: 'Cast', inputs: [from], outputs: [name], attrs: { to: DATA_TYPES[to] } });
    return name;
  };
  const addend = cast(cast('value', dtype, 'narrow'), 'int64', 'wide');
  model.node({ name: 'add', opType: 'Add', inputs: ['x', addend], outputs: ['y'] });
  model.output('y', { dtype: 'int64', shape: ['N', 4] });
  const { graph } = await readOnnxBytes(model.encode());
  const [constant] = graph.constants.values();
  expect(constant.tensor).toEqual(tensor('int64', [1], [expected]));
});
