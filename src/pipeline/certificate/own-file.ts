import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type ModelFile, openModelFile } from '../../engine/index.js';
import { type FileSet, findOnnxFiles } from '../../formats/index.js';

export interface OwnFileOptions {
  readonly threads: number;
  /** Where a folder may be made for as long as the file is open: weights that lie beside a model are read from there. */
  readonly folder: string;
}

/**
 * Opens an ONNX model's own bytes in onnxruntime.
 * @throws Error with what onnxruntime says, without the folder's path
 */
export async function openOwnFile(files: FileSet, { threads, folder }: OwnFileOptions): Promise<ModelFile> {
  const [model] = findOnnxFiles(files);
  if (files.names.length === 1) return openModelFile(await files.read(model), { threads });
  const copied = await mkdtemp(join(folder, 'own-file-'));
  const remove = () => rm(copied, { recursive: true, force: true });
  try {
    for (const name of files.names) {
      const path = join(copied, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, await files.read(name));
    }
    const opened = await openModelFile(join(copied, model), { threads });
    const release = async () => {
      await opened.release();
      await remove();
    };
    return { ...opened, release };
  } catch (error) {
    await remove();
    throw new Error((error as Error).message.replaceAll(copied, ''), { cause: error });
  }
}
