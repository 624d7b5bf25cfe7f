import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Artifact } from '../contract.js';
import { type LoadedModel, writeZip } from '../formats/index.js';
import type { Graph } from '../graph/graph.js';

/** A model of one file is delivered as that file, under this name. */
const SINGLE_FILE = /\.(onnx)$/i;

export interface WrittenModel {
  readonly artifact: Artifact;
  readonly path: string;
  /** Of the model's files, unpacked. */
  readonly sizeBytes: number;
}

/** Writes a pruned graph as the user's own files, patched: one file stays one, several become a zip. */
export async function writeModel(model: LoadedModel, graph: Graph, outDir: string): Promise<WrittenModel> {
  const files = await model.write(graph);
  const [[file, bytes]] = files;
  const single = files.size === 1 ? SINGLE_FILE.exec(file) : null;
  const name = single ? `model.${single[1].toLowerCase()}` : 'model.zip';
  const path = join(outDir, name);
  if (single) await writeFile(path, bytes);
  else await writeZip(files, path);
  const type = single ? 'application/octet-stream' : 'application/zip';
  return { artifact: await describeArtifact(outDir, name, type), path, sizeBytes: sizeOf(files) };
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
