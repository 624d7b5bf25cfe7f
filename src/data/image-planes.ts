/** A sample as a stack of planes: `[outer, height, width, inner]`. */
export interface ImagePlanes {
  readonly outer: number;
  readonly height: number;
  readonly width: number;
  readonly inner: number;
}

/** How a sample's axes are read: `[H, W]`, `[H, W, C]` or `[C, H, W]`; undefined for what is no image. */
export function imagePlanes(shape: readonly number[], channelsFirst: boolean): ImagePlanes | undefined {
  if (shape.length === 2) return { outer: 1, height: shape[0], width: shape[1], inner: 1 };
  if (shape.length !== 3) return undefined;
  return channelsFirst
    ? { outer: shape[0], height: shape[1], width: shape[2], inner: 1 }
    : { outer: 1, height: shape[0], width: shape[1], inner: shape[2] };
}
