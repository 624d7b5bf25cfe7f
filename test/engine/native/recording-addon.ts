import { type FileHandle, open } from 'node:fs/promises';
import type { Addon, ProgramHandle } from '../../../src/engine/native/addon.js';

interface Made {
  readonly words: Float64Array;
  /** Constants, with room for what the setup packs behind them. */
  readonly constants: Uint8Array;
  readonly arenaBytes: number;
  readonly setup: { readonly words: Float64Array; readonly sources: Uint8Array };
  readonly outputBytes: Float64Array;
}

/** An addon that writes every program that is run to a file which `words-check replay` reads, with the data it was run on. */
export class RecordingAddon {
  readonly addon: Addon;
  readonly #made = new Map<ProgramHandle, Made>();
  readonly #chunks: Uint8Array[] = [];
  #programs = 0;

  /** @param threads of the engines that it makes */
  constructor(addon: Addon, threads: number) {
    const own = this;
    this.addon = {
      ...addon,
      createProgram(...call) {
        const [, words, constants, arenaBytes, , outputBytes, , setupWords, sources, packedBytes] = call;
        const handle = addon.createProgram(...call);
        const memory = new Uint8Array(constants.length + packedBytes);
        memory.set(constants);
        own.#made.set(handle, {
          words,
          constants: memory,
          arenaBytes,
          setup: { words: setupWords, sources },
          outputBytes,
        });
        return handle;
      },
      async run(handle, inputs, outputs) {
        const { words, constants, arenaBytes, setup, outputBytes } = own.#made.get(handle)!;
        if (setup.words.length > 0) own.#add(threads, [setup.sources, constants], setup.words);
        const results = [...outputBytes].map((bytes) => new Uint8Array(bytes));
        own.#add(threads, [new Uint8Array(arenaBytes), constants, ...inputs, ...results], words);
        return addon.run(handle, inputs, outputs);
      },
    };
  }

  #add(threads: number, bases: readonly ArrayBufferView[], words: Float64Array): void {
    this.#programs++;
    this.#chunks.push(bytesOf(Float64Array.of(threads, bases.length, words.length)));
    for (const base of bases) this.#chunks.push(bytesOf(Float64Array.of(base.byteLength)), bytesOf(base).slice());
    this.#chunks.push(bytesOf(words));
  }

  get programs(): number {
    return this.#programs;
  }

  /** Appends what was recorded, without the count of programs that a file begins with. */
  async write(file: FileHandle): Promise<void> {
    for (const chunk of this.#chunks) if (chunk.length > 0) await file.write(chunk);
    this.#chunks.length = 0;
  }
}

/** Writes the programs of several addons to one file. */
export async function writePrograms(path: string, recordings: readonly RecordingAddon[]): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.write(bytesOf(Float64Array.of(recordings.reduce((sum, { programs }) => sum + programs, 0))));
    for (const recording of recordings) await recording.write(file);
  } finally {
    await file.close();
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
