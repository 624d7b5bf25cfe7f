import type { FileSet } from '../../archive/index.js';
import type { Warning } from '../../contract.js';
import { EspalierError } from '../../errors.js';
import { type Tensor, tensor } from '../../graph/tensor.js';
import type { Labels } from '../labels.js';
import { type Affine, type Batch, resolveScaling, type Scaling, type Split } from '../split.js';
import { decodeImage, type ImageExtents } from './decode.js';
import type { ImagePart } from './image-files.js';
import { inParallel } from './in-parallel.js';
import { PixelCache } from './pixel-cache.js';
import { UnreadableImages } from './unreadable.js';

/** Larger files are no images that could be decoded. */
export const MOST_FILE_BYTES = 2 ** 28;

/** Where images come from and what is told of them. */
export interface ImageSource {
  readonly files: Pick<FileSet, 'read' | 'sizeBytes'>;
  /** How many classes the labels number. */
  readonly classes: number;
  readonly scratchFolder?: string | undefined;
  readonly warn?: ((warning: Warning) => void) | undefined;
  /** Takes what is to be closed with the data set. */
  own(resource: { close(): Promise<void> }): void;
}

/**
 * Images of one part as samples of a size: each is decoded when a batch first asks for it. For one that can't be the next of
 * its class that can stands in, the same in every run.
 */
export function imageSplit(part: ImagePart, extents: ImageExtents, source: ImageSource): Split {
  const { files, labels } = part;
  const { height, width, channels } = extents;
  const images = new DecodedImages(part, extents, source);
  source.own(images);
  return {
    count: files.length,
    inputShape: [height, width, channels],
    dtype: 'uint8',
    labels: new Map(labels ? [['', numbersOf(source.classes)]] : []),
    batch: async (indices, scaling): Promise<Batch> => ({
      x: await gather(images, indices, scaling, extents),
      labels: new Map(labels ? [['', gatherLabels(labels, indices)]] : []),
    }),
    resized: (other) => imageSplit(part, other, source),
  };
}

function numbersOf(classes: number): Labels {
  return { kind: 'index', classes, shape: [], whole: true, least: 0, largest: classes - 1 };
}

function gatherLabels(labels: Uint32Array, indices: ArrayLike<number>): Tensor<'int32'> {
  return tensor(
    'int32',
    [indices.length],
    Int32Array.from(indices, (i) => labels[i]),
  );
}

async function gather(
  images: DecodedImages,
  indices: ArrayLike<number>,
  scaling: Scaling,
  { height, width, channels }: ImageExtents,
): Promise<Tensor<'float32'>> {
  const affine = resolveScaling(scaling, 'integer', channels);
  const stride = height * width * channels;
  const out = new Float32Array(indices.length * stride);
  await inParallel(Array.from(indices), async (index, row) => {
    scaleInto(out.subarray(row * stride, (row + 1) * stride), await images.get(index), affine);
  });
  return tensor('float32', [indices.length, height, width, channels], out);
}

/** A function of its own, in which the engine of the language finds nothing but the loop. */
function scaleInto(out: Float32Array, pixels: Uint8Array, { scale, offset }: Affine): void {
  const step = scale.length;
  for (let c = 0; c < step; c++) {
    const factor = scale[c];
    const shift = offset[c];
    for (let i = c; i < out.length; i += step) out[i] = pixels[i] * factor + shift;
  }
}

class DecodedImages {
  readonly #part: ImagePart;
  readonly #extents: ImageExtents;
  readonly #source: ImageSource;
  readonly #cache: PixelCache;
  readonly #unreadable: UnreadableImages;

  constructor(part: ImagePart, extents: ImageExtents, source: ImageSource) {
    const { height, width, channels } = extents;
    this.#part = part;
    this.#extents = extents;
    this.#source = source;
    this.#cache = new PixelCache(height * width * channels, { scratchFolder: source.scratchFolder });
    this.#unreadable = new UnreadableImages(part.files.length, source.warn);
  }

  /** @throws EspalierError DATASET_INVALID */
  async get(index: number): Promise<Uint8Array> {
    if (!(index >= 0 && index < this.#part.files.length)) {
      throw new RangeError(`image ${index} of ${this.#part.files.length}`);
    }
    const kept = await this.#cache.find(index);
    if (kept) return kept;
    for (const candidate of this.#standIns(index)) {
      const pixels = await this.#decode(candidate);
      if (!pixels) continue;
      await this.#cache.keep(index, pixels);
      return pixels;
    }
    throw new EspalierError('DATASET_INVALID', `no image like ${this.#part.files[index]} can be read`);
  }

  async close(): Promise<void> {
    await this.#cache.close();
  }

  /** The image, then those after it in its class, and round. */
  *#standIns(index: number): Generator<number> {
    const { files, labels } = this.#part;
    for (let i = 0; i < files.length; i++) {
      const candidate = (index + i) % files.length;
      if (!labels || labels[candidate] === labels[index]) yield candidate;
    }
  }

  async #decode(index: number): Promise<Uint8Array | undefined> {
    const name = this.#part.files[index];
    const { files } = this.#source;
    const bytes = await readFile(files, name);
    try {
      if (bytes instanceof Error) throw bytes;
      return await decodeImage(bytes, this.#extents);
    } catch (error) {
      this.#unreadable.add(name, error);
      return undefined;
    }
  }
}

/** The bytes of an image's file, or why they are none. @throws EspalierError ARCHIVE_INVALID */
export async function readFile(
  files: Pick<FileSet, 'read' | 'sizeBytes'>,
  name: string,
  read: () => Promise<Uint8Array> = () => files.read(name),
): Promise<Uint8Array | Error> {
  const size = files.sizeBytes(name);
  if (size === 0) return new Error('the file is empty');
  if (size > MOST_FILE_BYTES) return new Error(`a file of ${size} bytes; at most ${MOST_FILE_BYTES} are read`);
  return read();
}
