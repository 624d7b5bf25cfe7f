import type { OpenFileSet } from '../../archive/index.js';
import type { Warning } from '../../contract.js';
import { EspalierError } from '../../errors.js';
import { decodeImage, type ImageExtents, readHeader } from './decode.js';
import { readSize } from './headers.js';
import type { ImageFiles } from './image-files.js';
import { readFile } from './image-split.js';
import { inParallel } from './in-parallel.js';
import { UnreadableImages } from './unreadable.js';

/** What an upload's inspection has time for: headers, of files of so many bytes; some of them are decoded, so many pixels together. */
const BOUNDS = { headers: 50_000, bytes: 2 ** 31, decoded: 500, pixels: 2 ** 27 };

export interface Survey {
  /** `[height, width, channels]` where all images that were looked at have the same extents. */
  readonly shape: readonly number[] | null;
  readonly warnings: readonly Warning[];
}

/**
 * Looks at the headers of all images (of very many evenly spread ones) and decodes some.
 * @throws EspalierError DATASET_INVALID when too many can't be read
 */
export async function surveyImages(
  files: OpenFileSet,
  { train, validation, test }: ImageFiles,
  bounds = BOUNDS,
): Promise<Survey> {
  const all = [...train.files, ...(validation?.files ?? []), ...(test?.files ?? [])];
  const bytes = all.reduce((sum, name) => sum + files.sizeBytes(name), 0);
  const step = Math.ceil(Math.max(all.length / bounds.headers, bytes / bounds.bytes));
  const looked = new Set(all.filter((_, i) => i % step === 0));
  const decodeEvery = Math.ceil(looked.size / bounds.decoded);
  const unreadable = new UnreadableImages(looked.size);
  const extents = new ExtentCounts();
  let pixelsLeft = bounds.pixels;
  const lookAt = async ({ name, bytes }: { name: string; bytes: Uint8Array | Error }, index: number): Promise<void> => {
    try {
      if (bytes instanceof Error) throw bytes;
      const size = await readSize(bytes);
      const pixels = size.height * size.width;
      // One at least tells whether images are grey.
      if (index > 0 && (index % decodeEvery !== 0 || pixels > pixelsLeft)) return extents.add(size);
      pixelsLeft -= pixels;
      const header = await readHeader(bytes);
      await decodeImage(bytes, header);
      extents.add(header);
    } catch (error) {
      unreadable.add(name, error);
    }
  };
  await inParallel(wanted(files, looked), lookAt);
  const sampled =
    looked.size < all.length
      ? [{ code: 'IMAGES_SAMPLED', message: `${looked.size} of ${all.length} images were looked at, evenly spread` }]
      : [];
  return { shape: extents.common(), warnings: [...unreadable.summary(), ...sampled] };
}

/**
 * The extents that most of some images have, and whether they are all grey.
 * @throws EspalierError DATASET_INVALID when too many can't be read
 */
export async function usualExtents(files: OpenFileSet, names: readonly string[], most = 256): Promise<ImageExtents> {
  const step = Math.ceil(names.length / most);
  const looked = new Set(names.filter((_, i) => i % step === 0));
  const unreadable = new UnreadableImages(names.length);
  const extents = new ExtentCounts();
  await inParallel(wanted(files, looked), async ({ name, bytes }) => {
    try {
      if (bytes instanceof Error) throw bytes;
      extents.add(await readHeader(bytes));
    } catch (error) {
      unreadable.add(name, error);
    }
  });
  if (extents.isEmpty) throw new EspalierError('DATASET_INVALID', `none of ${looked.size} images can be read`);
  return extents.mostFrequent();
}

async function* wanted(files: OpenFileSet, names: ReadonlySet<string>) {
  for await (const { name, read } of files.walk()) {
    if (names.has(name)) yield { name, bytes: await readFile(files, name, read) };
  }
}

class ExtentCounts {
  readonly #counts = new Map<string, { readonly height: number; readonly width: number; count: number }>();
  #isGrey = true;

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  /** @param size without channels where only that is known */
  add({ height, width, channels }: Pick<ImageExtents, 'height' | 'width'> & Partial<ImageExtents>): void {
    const key = `${height} ${width}`;
    const known = this.#counts.get(key) ?? { height, width, count: 0 };
    known.count += 1;
    this.#counts.set(key, known);
    this.#isGrey &&= channels !== 3;
  }

  common(): number[] | null {
    if (this.#counts.size !== 1) return null;
    const { height, width, channels } = this.mostFrequent();
    return [height, width, channels];
  }

  /** Of two that are as frequent, the larger. */
  mostFrequent(): ImageExtents {
    const [{ height, width }] = [...this.#counts.values()].sort(
      (a, b) => b.count - a.count || b.height * b.width - a.height * a.width || b.height - a.height,
    );
    return { height, width, channels: this.#isGrey ? 1 : 3 };
  }
}
