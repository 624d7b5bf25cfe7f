import type { ArchiveLimits } from '../src/archive/index.js';
import type { DatasetInspection, ModelInspection } from '../src/contract.js';
import { EspalierError, isSystemFault } from '../src/errors.js';
import { openChildChannel } from './child-channel.js';
import { fitNames, fitWarnings } from './fit.js';
import { FrameTooLong, LONGEST_FRAME } from './frames.js';
import { parseInspectRequest } from './inspect-request.js';

export interface Inspectors {
  model(path: string, name: string, limits: ArchiveLimits): Promise<ModelInspection>;
  dataset(path: string, name: string, limits: ArchiveLimits): Promise<DatasetInspection>;
}

/** What an upload is that its reader can't make sense of. */
const INVALID = { model: 'MODEL_INVALID', dataset: 'DATASET_INVALID' } as const;

/** The life of an inspection's child: waits for one upload, reads it, answers, exits. */
export function serveInspection(inspectors: Inspectors): void {
  const channel = openChildChannel(parseInspectRequest, ({ kind, path, name, limits }) => {
    const read = async () => {
      const found = await inspectors[kind](path, name, limits);
      const value = { ...fitNames(found), ...(found.warnings && { warnings: fitWarnings(found.warnings) }) };
      channel.finish({ type: 'done', value });
    };
    read().catch((error: unknown) => {
      if (error instanceof FrameTooLong) channel.fail(tooMuch(error, name));
      else if (error instanceof EspalierError || isSystemFault(error)) channel.fail(error);
      else channel.fail(stumbled(error, INVALID[kind], name), error);
    });
  });
}

/** The file is whole: there are too many layers of too long names in it. */
function tooMuch({ sizeBytes }: FrameTooLong, name: string): EspalierError {
  const found = `what there is to tell of it, mostly the names of its layers, takes ${sizeBytes} bytes`;
  const advice = `at most ${LONGEST_FRAME} are kept; shorter names make it fit`;
  return new EspalierError('PAYLOAD_TOO_LARGE', `${name}: ${found}, and ${advice}`);
}

/**
 * A reader that stumbles does so over what it reads: whoever sent it must hear that, and can do something about it; the
 * log has what is wrong with the reader. What the system says (a disk that fails) is none of the upload's fault.
 */
function stumbled(error: unknown, code: 'MODEL_INVALID' | 'DATASET_INVALID', name: string): EspalierError {
  const why = error instanceof Error ? error.message : String(error);
  const advice = 'write the file anew; where it is whole, the fault is of this service, whose log has it';
  return new EspalierError(code, `${name}: our reader stumbled over it (${why}): ${advice}`, { cause: error });
}
