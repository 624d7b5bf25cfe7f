/** Resizes of files, of random extents, in every coordinate mode: the graph's float64 reference against onnxruntime on the file. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import { getSpec } from '../../src/graph/graph.js';
import { tensor, toRef } from '../../src/graph/tensor.js';
import { expectClose } from '../engine/agreement.js';
import { Random } from '../engine/random.js';
import { type Attribute, onnxBytes } from '../formats/onnx/onnx-models.js';
import { prune, run, runBytes } from '../formats/onnx/prune-file.js';
import { describeShared } from '../shared.js';
import { readOnnxBytes } from '../support/onnx-files.js';

const COORDINATES = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'asymmetric',
  'align_corners',
  'tf_crop_and_resize',
];

/** By the scales that a file gives, which may be no ratio of extents, or to the sizes that it gives. */
function resizeFile(r: Random, attributes: Record<string, Attribute>): { bytes: Uint8Array; planes: number[] } {
  const planes = r.ints(2, 2, 24);
  const to = r.ints(2, 1, 40);
  const bySize = r.int(0, 1) === 0;
  const scales = planes.map((from, i) =>
    Math.fround(r.int(0, 1) === 0 ? to[i] / from : Math.max(1 / from, 0.4 + 2 * r.unit())),
  );
  const crop = planes.map(() => [0.4 * r.unit(), 0.6 + 0.6 * r.unit()]);
  return {
    planes,
    bytes: onnxBytes({
      inputs: { x: [1, 2, ...planes] },
      outputs: { y: ['n', 'c', 'h', 'w'] },
      weights: {
        region: tensor('float32', [8], [0, 0, crop[0][0], crop[1][0], 1, 1, crop[0][1], crop[1][1]]),
        ...(bySize
          ? { sizes: tensor('int64', [4], [1, 2, ...to]) }
          : { scales: tensor('float32', [4], [1, 1, ...scales]) }),
      },
      nodes: [['Resize', ['x', 'region', ...(bySize ? ['', 'sizes'] : ['scales'])], ['y'], attributes]],
      opset: 19,
    }),
  };
}

describe.each(['linear', 'cubic'])('%s', (mode) => {
  test.each(COORDINATES)('%s', async (coordinate_transformation_mode) => {
    for (let seed = 0; seed < 40; seed++) {
      const r = new Random(seed);
      const outside = mode === 'cubic' && coordinate_transformation_mode !== 'tf_crop_and_resize';
      const attributes: Record<string, Attribute> = {
        mode,
        coordinate_transformation_mode,
        extrapolation_value: { float: r.unit() },
        ...(outside ? { exclude_outside: r.int(0, 1) } : {}),
      };
      const { bytes, planes } = resizeFile(r, attributes);
      const { graph } = await readOnnxBytes(bytes);
      const feeds = new Map([['x', r.tensor({ dtype: 'float32', shape: [1, 2, ...planes] }, 1)]]);
      const expected = evaluateGraph(graph, new Map([...feeds].map(([id, x]) => [id, toRef(x)]))).get('y')!;
      const shown = `seed ${seed} ${planes} to ${expected.shape} ${JSON.stringify(attributes)}`;
      expectClose(`${shown}: the file`, (await runBytes(bytes, feeds)).get('y')!, expected, 2e-5, 0.1);
      expectClose(`${shown}: the graph`, (await run(graph, feeds)).get('y')!, expected, 2e-5, 0.1);
    }
  });
});

describeShared('planes of 3 resized to 7', 'cases/I3-resize-3to7-align.onnx', (file) => {
  test('are 7 to every part of a job, not 6', async () => {
    const { model } = await prune(new Uint8Array(readFileSync(file)));
    expect(getSpec(model.graph, model.graph.outputs[0].value).shape.slice(1)).toEqual([4, 7, 7]);
  });
});
