import type { DatasetInspection, ModelInspection } from '../contract.js';
import type { UnitsTemplate } from '../prune-config/index.js';
import type { BlobRef } from '../storage/blob-store.js';

export type UploadKind = 'model' | 'dataset';

/** A stored model or data set. The units of a model are kept apart: they are long, and most reads don't need them. */
export interface Upload<K extends UploadKind = UploadKind> {
  readonly id: string;
  readonly kind: K;
  readonly blob: BlobRef;
  readonly sizeBytes: number;
  readonly createdAt: string;
  readonly inspection: K extends 'model' ? Omit<ModelInspection, 'units'> : DatasetInspection;
}

export interface NewUpload<K extends UploadKind> extends Upload<K> {
  readonly units: K extends 'model' ? UnitsTemplate : null;
}
