import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type LoadedModel, writeZip } from '../formats/index.js';
import type { Graph } from '../graph/graph.js';
import type { Artifact } from './contract.js';

const MODEL_FILE = 'model.zip';

export interface WrittenModel {
  readonly artifact: Artifact;
  readonly path: string;
  /** Of the model's files, unpacked. */
  readonly sizeBytes: number;
}

/** Writes a pruned graph as the user's own files, patched: a folder format becomes one zip. */
export async function exportModel(model: LoadedModel, graph: Graph, outDir: string): Promise<WrittenModel> {
  const files = await model.write(graph);
  const path = join(outDir, MODEL_FILE);
  await writeZip(files, path);
  return { artifact: await describeArtifact(outDir, MODEL_FILE, 'application/zip'), path, sizeBytes: sizeOf(files) };
}

/** Bytes of the model's files, unpacked, if a pruned graph were written. */
export async function fileBytes(model: LoadedModel, graph: Graph): Promise<number> {
  return sizeOf(await model.write(graph));
}

function sizeOf(files: ReadonlyMap<string, Uint8Array>): number {
  return [...files.values()].reduce((sum, bytes) => sum + bytes.byteLength, 0);
}

export async function writeJsonArtifact(outDir: string, name: string, content: unknown): Promise<Artifact> {
  await writeFile(join(outDir, name), `${JSON.stringify(content, null, 1)}\n`);
  return describeArtifact(outDir, name, 'application/json');
}

async function describeArtifact(outDir: string, name: string, contentType: string): Promise<Artifact> {
  const path = join(outDir, name);
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return { name, content_type: contentType, size_bytes: (await stat(path)).size, sha256: hash.digest('hex') };
}
