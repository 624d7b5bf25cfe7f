import { EspalierError } from '../../errors.js';

/** How an image is fed: `[height, width, channels]`, grey or RGB. */
export interface ImageExtents {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
}

/** Of one image: a frame is decoded whole where the file asks for it (progressive JPEG, WebP), in 4 bytes a pixel. */
export const MOST_PIXELS = 2 ** 26;

/** The loaders of libvips that are let through; the others (SVG, PDF, TIFF, …) stay shut to what strangers send. */
const LOADERS = ['Jpeg', 'Png', 'Webp', 'Nsgif'].map((format) => `VipsForeignLoad${format}Buffer`);

/** What is read at all: broken files are faults, odd ones (stray bytes before a marker) are not. Color profiles are left aside, as those who train do. */
const INPUT = { limitInputPixels: MOST_PIXELS, failOn: 'error', ignoreIcc: true, sequentialRead: true } as const;

const WHITE = '#ffffff';

type Library = typeof import('sharp')['default'];

let loaded: Promise<Library> | undefined;

/** Loaded where images are read: it takes longer than most uploads. */
function library(): Promise<Library> {
  loaded ??= (async (): Promise<Library> => {
    const { default: sharp } = await import('sharp');
    // Each image is read once: what libvips keeps would only grow.
    sharp.cache(false);
    // Images are decoded side by side, each on one thread.
    sharp.concurrency(1);
    sharp.block({ operation: ['VipsForeignLoad'] });
    sharp.unblock({ operation: LOADERS });
    return sharp;
  })();
  return loaded;
}

/**
 * What an image says that it is, turned as its EXIF data say.
 * @throws Error saying why it is no image, or too large a one
 */
export async function readHeader(bytes: Uint8Array): Promise<ImageExtents> {
  const sharp = await library();
  const { autoOrient, space } = await sharp(bytes, INPUT).metadata();
  const { width, height } = autoOrient;
  if (width * height > MOST_PIXELS) throw new Error(`${width} by ${height} pixels; at most ${MOST_PIXELS} are decoded`);
  return { height, width, channels: space === 'b-w' || space === 'grey16' ? 1 : 3 };
}

/**
 * An image as 8-bit values `[height, width, channels]`: turned as its EXIF data say, laid on white, scaled by its shorter side
 * (bilinear, with antialiasing) and cropped in its middle, as torchvision's `Resize` and `CenterCrop` and Keras's
 * `crop_to_aspect_ratio` do. Grey is ITU-R 601 luma, as in PIL.
 * @throws Error saying why it can't be decoded
 */
export async function decodeImage(bytes: Uint8Array, { height, width, channels }: ImageExtents): Promise<Uint8Array> {
  const sharp = await library();
  const { data, info } = await sharp(bytes, INPUT)
    .autoOrient()
    .flatten({ background: WHITE })
    .resize(width, height, { fit: 'cover', position: 'centre', kernel: 'linear' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  if (info.width !== width || info.height !== height || info.channels !== 3) {
    throw new EspalierError('INTERNAL', `decoded to ${info.height} by ${info.width} by ${info.channels}`);
  }
  return channels === 3 ? data : luma(data);
}

/** In the whole numbers of PIL; grey values in three channels stay what they are. */
function luma(rgb: Uint8Array): Uint8Array {
  const grey = new Uint8Array(rgb.length / 3);
  for (let i = 0, at = 0; i < grey.length; i++, at += 3) {
    grey[i] = (19595 * rgb[at] + 38470 * rgb[at + 1] + 7471 * rgb[at + 2] + 32768) >> 16;
  }
  return grey;
}
