import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { writeNpz } from '../../examples/write-npz.js';
import { SHARED } from '../shared-folder.js';

/** MNIST's 10,000 test images, uint8 `[10000, 28, 28]`, and their labels. They stand in the file in random order. */
export function readMnist(): { images: Uint8Array; labels: Uint8Array } {
  const read = (name: string, header: number) =>
    new Uint8Array(gunzipSync(readFileSync(join(SHARED, 'data/mnist-t10k', name))).subarray(header));
  return { images: read('t10k-images-idx3-ubyte.gz', 16), labels: read('t10k-labels-idx1-ubyte.gz', 8) };
}

/** The first `train` images to train on and the next `validation` to validate, as an `.npz`. */
export async function writeMnistNpz(path: string, train: number, validation: number): Promise<void> {
  const { images, labels } = readMnist();
  const part = (from: number, count: number) => ({
    x: { dtype: 'uint8' as const, shape: [count, 28, 28], data: images.slice(from * 784, (from + count) * 784) },
    y: { dtype: 'uint8' as const, shape: [count], data: labels.slice(from, from + count) },
  });
  const first = part(0, train);
  const second = part(train, validation);
  await writeNpz(path, { x_train: first.x, y_train: first.y, x_test: second.x, y_test: second.y });
}
