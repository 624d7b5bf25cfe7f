import { KERAS1_CONV1D } from '../dialects/keras1.js';
import type { LayerLowering } from '../lowering.js';
import { AS_IS, KERNEL } from '../weight-layout.js';

/** Name, shape in the graph's order and constant of a convolution's kernel; older files hold it in other layouts. */
export interface Kernel {
  readonly name: string;
  readonly filters: number;
  readonly channels: number;
  readonly extents: readonly number[];
}

/** The constant of a kernel `[filters, channels, …extents]`. */
export function kernelWeight(layer: LayerLowering, { name, filters, channels, extents }: Kernel): string {
  if (layer.layer.dialect === 'keras1') {
    if (extents.length === 1) {
      return layer.weight(name, [...extents, 1, channels, filters], KERAS1_CONV1D, 'parameter');
    }
    if (layer.fields.get('data_format') === 'channels_first') {
      return layer.weight(name, [filters, channels, ...extents], AS_IS, 'parameter');
    }
  }
  return layer.weight(name, [...extents, channels, filters], KERNEL, 'parameter');
}
