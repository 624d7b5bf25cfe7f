/** What uploads are, as configs are checked against. JSON: it goes on the record. */
import type { UnitsTemplate } from '../pruning/config/units-template.js';

export interface TensorInfo {
  readonly name: string;
  readonly shape: readonly (number | null)[];
  readonly dtype: string;
}

/** What an upload of a model is, found by the inspect child; it goes on the record. */
export interface ModelInspection {
  readonly format: string;
  readonly name: string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly parameters: number;
  readonly macs: number;
  /** The mutator's config template with every option on (units, init_args, channels, choices), for default units. */
  readonly units: UnitsTemplate;
  readonly warnings: readonly { code: string; message: string }[];
}

export interface DatasetInspection {
  readonly kind: 'npz' | 'images';
  /** `test`: kept for the last figures, where training is judged by others. */
  readonly samples: { readonly train: number; readonly validation: number; readonly test?: number };
  /** Of one sample; null where they differ, as images may. */
  readonly input_shape: readonly number[] | null;
  readonly dtype: string;
  readonly label_kind: 'index' | 'one_hot' | 'values' | 'none';
  readonly num_classes: number | null;
  /** Of one sample's labels, without axes of 1 at the end; null without labels. Older records don't have it. */
  readonly label_shape?: readonly number[] | null;
  /** Outputs that labels are named for. Older records don't have it. */
  readonly label_outputs?: readonly string[];
  /** Names of the classes in the order of their numbers, where the data have them. */
  readonly classes?: readonly string[];
  readonly warnings: readonly { code: string; message: string }[];
}
