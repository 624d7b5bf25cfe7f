/**
 * Bounds of what comes in, is kept and goes out. Names come from strangers' files, and a schema without a bound lets one
 * request take the memory and the time of all others.
 */

/** Ids of resources, and codes of errors, reasons and warnings. */
export const LONGEST_ID = 64;
/** Names that configs have for the parts that are installed. */
export const LONGEST_PART_NAME = 200;
/** Names of layers, units and outputs. Longer ones are clipped where they are kept. */
export const LONGEST_NAME = 1024;
/** Texts for people: warnings, reasons. */
export const LONGEST_TEXT = 2000;
/** Why a job failed, and other texts of errors. */
export const LONGEST_DETAIL = 16_384;

/** Units of a model, and settings of them: more than a model of a thousand layers has. */
export const MOST_UNITS = 10_000;
/** Names in one list: inputs, outputs, globs. */
export const MOST_NAMES = 1000;
/** Folders of classes in a data set: ImageNet-21k has 21,841. */
export const MOST_CLASSES = 32_768;
/** Layers of a model. */
export const MOST_LAYERS = 100_000;
/** Channels of one unit or layer. */
export const MOST_CHANNELS = 1_048_576;
/** Axes of a tensor. */
export const MOST_AXES = 64;
/** Warnings of one job or upload. */
export const MOST_WARNINGS = 200;

/** A text that is no longer than `longest`; what is cut off shows as an ellipsis. */
export function clip(text: string, longest: number): string {
  if (text.length <= longest) return text;
  // Half of a pair of surrogates is no text.
  const end = /[\uD800-\uDBFF]/.test(text[longest - 2]) ? longest - 2 : longest - 1;
  return `${text.slice(0, end)}…`;
}
