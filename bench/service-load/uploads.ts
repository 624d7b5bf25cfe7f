import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import yazl from 'yazl';
import { npyFile } from '../../examples/write-npz.js';

const SAMPLE = [32, 32, 3];
const CLASSES = 10;
/** Values that are made at a time. */
const BLOCK = 2 ** 18;

/** Writes what `numpy.savez` would of random images in [0, 1), never whole in memory. No two are alike. */
export async function writeImages(path: string, sizeBytes: number): Promise<void> {
  const values = SAMPLE.reduce((product, extent) => product * extent);
  const count = Math.floor(sizeBytes / (values * 4));
  const labels = Uint8Array.from({ length: count }, (_, i) => i % CLASSES);
  const zip = new yazl.ZipFile();
  const head = npyFile('<f4', [count, ...SAMPLE], new Uint8Array());
  zip.addReadStream(Readable.from(imageBytes(head, count * values)), 'x_train.npy', { compress: false });
  zip.addBuffer(npyFile('|u1', [count], labels), 'y_train.npy', { compress: false });
  zip.end();
  // On the disk before anything is measured: what the disk is busy with then is what the service writes.
  await pipeline(zip.outputStream, createWriteStream(path, { flush: true }));
}

function* imageBytes(head: Buffer, count: number): Generator<Buffer> {
  yield head;
  for (let left = count; left > 0; left -= BLOCK) {
    const random = randomFillSync(new Uint32Array(Math.min(left, BLOCK)));
    yield Buffer.from(Float32Array.from(random, (bits) => (bits >>> 8) / 2 ** 24).buffer);
  }
}

export interface SentUpload {
  readonly id: string;
  readonly sizeBytes: number;
  /** When its last byte was on its way, and when the answer was there, in milliseconds of performance.now(). */
  readonly sentMs: number;
  readonly answeredMs: number;
}

/** Sends a data set from disk, as fast as the service takes it. @throws Error when it is not taken */
export async function sendDataset(url: string, path: string): Promise<SentUpload> {
  const { size } = await stat(path);
  const boundary = 'boundary-of-the-bench';
  const disposition = 'content-disposition: form-data; name="file"; filename="images.npz"';
  const head = `--${boundary}\r\n${disposition}\r\ncontent-type: application/octet-stream\r\n\r\n`;
  const tail = `\r\n--${boundary}--\r\n`;
  const post = request(`${url}/datasets`, {
    method: 'POST',
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': head.length + size + tail.length,
    },
  });
  const answered = once(post, 'response') as Promise<[IncomingMessage]>;
  // Heard below, unless sending fails first.
  answered.catch(() => {});
  post.write(head);
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), post, { end: false });
  post.end(tail);
  await once(post, 'finish');
  const sentMs = performance.now();
  const [answer] = await answered;
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += chunk;
  if (answer.statusCode !== 201) throw new Error(`an upload was answered ${answer.statusCode}: ${text}`);
  return { id: JSON.parse(text).id, sizeBytes: size, sentMs, answeredMs: performance.now() };
}
