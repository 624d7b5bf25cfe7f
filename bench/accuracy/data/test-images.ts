import { fitToModel, openDataset, type Split } from '../../../src/data/index.js';
import type { Engine } from '../../../src/engine/index.js';
import { openModel } from '../../../src/pipeline/open-model.js';
import { IMAGES } from '../folders.js';

const BATCH = 250;

/** The images of `test/`, which no job sees, with their classes. */
export class TestImages {
  readonly #engine: Engine;
  readonly #split: Split;
  readonly close: () => Promise<void>;

  private constructor(engine: Engine, split: Split, close: () => Promise<void>) {
    this.#engine = engine;
    this.#split = split;
    this.close = close;
  }

  static async open(engine: Engine): Promise<TestImages> {
    const { validation, close } = await openDataset(IMAGES);
    const target = { output: 'class', from: '', kind: 'index', shape: [] } as const;
    return new TestImages(engine, fitToModel(validation!, [3, 32, 32], [target], { channelsFirst: true }), close);
  }

  /** The share of images whose class gets the highest score of a model's one output. */
  async accuracyOf(path: string): Promise<number> {
    const opened = await openModel(path, 'model.onnx');
    const { graph } = opened.model;
    const compiled = await this.#engine.compile(graph, { idle: 'sleep' });
    try {
      const { count } = this.#split;
      let right = 0;
      for (let at = 0; at < count; at += BATCH) {
        const indices = Uint32Array.from({ length: Math.min(BATCH, count - at) }, (_, i) => at + i);
        const { x, labels } = await this.#split.batch(indices, '1/255');
        const scores = (await compiled.run(new Map([[graph.inputs[0], x]]))).get(graph.outputs[0].name)!;
        right += countRight(scores.data as Float32Array, labels.get('class')!.data as Int32Array);
      }
      return right / count;
    } finally {
      await compiled.release();
      await opened.close();
    }
  }
}

function countRight(scores: Float32Array, classes: Int32Array): number {
  const width = scores.length / classes.length;
  return classes.reduce((right, wanted, i) => {
    const row = scores.subarray(i * width, (i + 1) * width);
    return right + Number(row.indexOf(Math.max(...row)) === wanted);
  }, 0);
}
