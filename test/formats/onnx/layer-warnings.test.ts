import { expect, test } from 'vitest';
import { LayerWarnings } from '../../../src/formats/onnx/layer-warnings.js';

test('what is said of many layers is said once, in the order of the first of each', () => {
  const warnings = new LayerWarnings();
  for (const layer of ['layer a', 'layer b', 'layer c']) warnings.add('TRAIN_MODE_EXPORT', layer, 'as in evaluation');
  warnings.add('OPAQUE_OP', 'layer d', 'the operator is not known');
  warnings.add('OPAQUE_OP', 'layer e', 'it has statistics for every place');
  expect(warnings.all).toEqual([
    { code: 'TRAIN_MODE_EXPORT', message: 'layer a and 2 more: as in evaluation' },
    { code: 'OPAQUE_OP', message: 'layer d: the operator is not known' },
    { code: 'OPAQUE_OP', message: 'layer e: it has statistics for every place' },
  ]);
});
