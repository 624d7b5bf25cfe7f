import type { ModelFormat } from './formats/format.js';

/** The name of each format, and its folder, which is loaded where models are read. */
type FormatRows<Id extends string> = { readonly [I in Id]: () => Promise<ModelFormat<I>> };

const rows = <Id extends string>(each: FormatRows<Id>): FormatRows<Id> => each;

/**
 * Every model file format, in the order in which they are tried. The API names them and loads none: what parses a stranger's bytes is
 * loaded in child processes only.
 */
export const FORMATS = rows({
  'tfjs-layers': async () => (await import('./formats/tfjs-layers/index.js')).TFJS_LAYERS,
  onnx: async () => (await import('./formats/onnx/index.js')).ONNX,
});

export type FormatId = keyof typeof FORMATS;
