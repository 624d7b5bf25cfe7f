/** Tars written by hand, so that their entries can be what no archiver would write. */
import { Header } from 'tar';

type Code = ConstructorParameters<typeof Header>[0] extends infer D ? Extract<D, { type?: unknown }> : never;

export interface TarFile {
  readonly name: string;
  readonly data?: Uint8Array;
  readonly type?: NonNullable<Code['type']>;
  readonly linkpath?: string;
  /** What the header says, where it isn't the truth. */
  readonly size?: number;
}

const BLOCK = 512;

export function tarOf(files: readonly TarFile[]): Buffer {
  const blocks = files.flatMap(({ name, data = new Uint8Array(), type = 'File', linkpath, size }) => {
    const header = Buffer.alloc(BLOCK);
    const fields = { path: name, type, size: size ?? data.length, mode: 0o644, mtime: new Date(0) };
    new Header({ ...fields, ...(linkpath === undefined ? {} : { linkpath }) }).encode(header, 0);
    return [header, data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}
