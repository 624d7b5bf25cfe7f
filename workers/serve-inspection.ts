import type { ArchiveLimits } from '../src/archive/index.js';
import type { DatasetInspection, ModelInspection } from '../src/pipeline/contract.js';
import { openChildChannel } from './child-channel.js';
import { parseInspectRequest } from './protocol.js';

export interface Inspectors {
  model(path: string, name: string, limits: ArchiveLimits): Promise<ModelInspection>;
  dataset(path: string, name: string, limits: ArchiveLimits): Promise<DatasetInspection>;
}

/** The life of an inspection's child: waits for one upload, reads it, answers, exits. */
export function serveInspection(inspectors: Inspectors): void {
  const channel = openChildChannel(parseInspectRequest, ({ kind, path, name, limits }) => {
    inspectors[kind](path, name, limits).then(
      (value) => channel.finish({ type: 'done', value }),
      (error: unknown) => channel.fail(error),
    );
  });
}
