/** Uploads and requests that are meant to break whoever reads them. None of them is a model or a data set. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { npyFile } from '../../examples/write-npz.js';
import { writeZip } from '../../src/archive/index.js';
import { type AnyJson, layerNamed, plainFiles, tampered, withJson } from '../formats/tampering.js';
import { pixels, plain, rawPng } from './image-files.js';
import { seededRandom } from './seeded-random.js';
import { tarOf } from './tar-files.js';

export interface HostileUpload {
  readonly path: '/models' | '/datasets' | '/jobs';
  readonly files: ReadonlyMap<string, Uint8Array>;
}

type Random = () => number;
type Make = (random: Random) => Promise<HostileUpload>;

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const below = (random: Random, most: number): number => Math.floor(random() * most);

/** The bytes of a zip of these files. */
async function zip(files: ReadonlyMap<string, Uint8Array>): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'hostile-'));
  try {
    await writeZip(files, join(folder, 'x.zip'));
    return readFileSync(join(folder, 'x.zip'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A name of the same length in place of another, in the entry and in the directory. */
function renamed(archive: Buffer, from: string, to: string): Buffer {
  const out = Buffer.from(archive);
  for (let at = out.indexOf(from); at >= 0; at = out.indexOf(from, at + 1)) out.write(to, at, 'latin1');
  return out;
}

const model = async (change: (json: AnyJson) => void): Promise<HostileUpload> => ({
  path: '/models',
  files: await tampered(change),
});
const one = (path: HostileUpload['path'], name: string, bytes: Uint8Array): HostileUpload => ({
  path,
  files: new Map([[name, bytes]]),
});
const odd = (random: Random): unknown =>
  [null, -1, 1e308, 'x', [], {}, true, 2 ** 53, '__proto__', [[[]]]][below(random, 10)];

/** An array of numpy's format with a header of our own. */
function npy(header: string, data = Buffer.alloc(64)): Uint8Array {
  const padded = `${header.padEnd(117)}\n`;
  return Buffer.concat([
    Buffer.from('\x93NUMPY\x01\0', 'latin1'),
    Buffer.from([padded.length & 255, padded.length >> 8]),
    Buffer.from(padded, 'latin1'),
    data,
  ]);
}

/** A zip whose one entry says that it holds so many bytes and holds what is given. */
function zipOf(name: string, content: Uint8Array, saidBytes: number, deflated = true): Buffer {
  const data = deflated ? deflateRawSync(content) : Buffer.from(content);
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(deflated ? 8 : 0, 8);
  local.writeUInt32LE(data.length, 18);
  local.writeUInt32LE(saidBytes >>> 0, 22);
  local.writeUInt16LE(name.length, 26);
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50, 0);
  central.writeUInt16LE(deflated ? 8 : 0, 10);
  central.writeUInt32LE(data.length, 20);
  central.writeUInt32LE(saidBytes >>> 0, 24);
  central.writeUInt16LE(name.length, 28);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(46 + name.length, 12);
  end.writeUInt32LE(30 + name.length + data.length, 16);
  return Buffer.concat([local, Buffer.from(name), data, central, Buffer.from(name), end]);
}

const noise = (random: Random, length: number): Uint8Array => Uint8Array.from({ length }, () => below(random, 256));
const images = async (image: Uint8Array, name: string): Promise<HostileUpload> =>
  one('/datasets', 'd.zip', await zip(new Map([[name, image]])));

const IMAGE_FORMATS = ['png', 'jpeg', 'webp'] as const;
const IMAGE_NAMES = ['png', 'jpg', 'webp', 'gif'] as const;
/** Magic numbers, in the order of the names. */
const IMAGE_STARTS = [
  '89504e470d0a1a0a0000000d49484452',
  'ffd8ffe000104a464946',
  '52494646ff000000574542505650382',
  '474946383961',
].map((hex) => Buffer.from(hex, 'hex'));

/** By what each does. */
export const HOSTILE: Readonly<Record<string, Make>> = {
  'noise that is named a model': async (random) =>
    one(
      '/models',
      ['m.onnx', 'm.zip', 'm.h5', 'model.json'][below(random, 4)],
      Uint8Array.from({ length: 1 + below(random, 5000) }, () => below(random, 256)),
    ),
  'noise that is named data': async (random) =>
    one(
      '/datasets',
      ['d.npz', 'd.zip', 'd.csv'][below(random, 3)],
      Uint8Array.from({ length: 1 + below(random, 5000) }, () => below(random, 256)),
    ),
  'JSON nested very deep': async (random) => ({
    path: '/models',
    files: withJson(await plainFiles(), '{"modelTopology":'.repeat(1) + '['.repeat(5000 + below(random, 100_000))),
  }),
  'a closed nest': async (random) => {
    const depth = 5000 + below(random, 50_000);
    return {
      path: '/models',
      files: withJson(await plainFiles(), `{"modelTopology":${'['.repeat(depth)}${']'.repeat(depth)}}`),
    };
  },
  'JSON cut off': async (random) => {
    const json = new TextDecoder().decode((await plainFiles()).get('model.json'));
    return { path: '/models', files: withJson(await plainFiles(), json.slice(0, below(random, json.length - 2))) };
  },
  'a topology of another kind': (random) =>
    model((json) => {
      json.modelTopology = odd(random) ?? 7;
    }),
  'layers of another kind': (random) =>
    model((json) => {
      json.modelTopology.config.layers = odd(random) ?? 7;
    }),
  'a layer that is none': (random) =>
    model((json) => {
      json.modelTopology.config.layers[1 + below(random, 3)] = odd(random);
    }),
  'a class that is none': (random) =>
    model((json) => {
      layerNamed(json, 'norm').class_name = ['Lambda', '__proto__', 'toString', 'x'.repeat(10_000)][below(random, 4)];
    }),
  'filters beyond any array': (random) =>
    model((json) => {
      layerNamed(json, 'conv').config.filters = 10 ** (9 + below(random, 290));
    }),
  'kernels of nothing': (random) =>
    model((json) => {
      layerNamed(json, 'conv').config.kernel_size = [[], [0, 0], [-1, 3], 'x'][below(random, 4)];
    }),
  'inputs without end': (random) =>
    model((json) => {
      json.modelTopology.config.layers[0].config.batch_input_shape = [null, 1e9 + below(random, 1e9), 1e9, 1e9];
    }),
  'layers in a circle': () =>
    model((json) => {
      layerNamed(json, 'conv').inbound_nodes = [[['dense', 0, 0, {}]]];
    }),
  'a layer that nobody has': () =>
    model((json) => {
      layerNamed(json, 'norm').inbound_nodes = [[['nobody', 0, 0, {}]]];
    }),
  'weights of another file': () =>
    model((json) => {
      json.weightsManifest[0].paths = ['../../../etc/passwd'];
    }),
  'weights that are not there': (random) =>
    model((json) => {
      json.weightsManifest[0].paths = [`group${below(random, 99)}.bin`];
    }),
  'weights of another shape': (random) =>
    model((json) => {
      json.weightsManifest[0].weights[0].shape = [2 ** 31 + below(random, 99), 2 ** 31];
    }),
  'weights of another kind': (random) =>
    model((json) => {
      json.weightsManifest[0].weights[0].dtype = ['x', 7, null, 'string'][below(random, 4)];
    }),
  'weights cut off': async (random) => {
    const files = await plainFiles();
    const [name] = [...files.keys()].filter((key) => key !== 'model.json');
    const bytes = files.get(name)!;
    return {
      path: '/models',
      files: new Map([...files, [name, bytes.subarray(0, 1 + below(random, bytes.length - 1))]]),
    };
  },
  'a zip that leaves its folder': async (random) => {
    const to = ['../../../../../a.js', '/etc/aaaaaaaaa.json', 'C:\\aaaaaaaaaa.json', '..\\..\\..\\..\\a.json'][
      below(random, 4)
    ];
    return one(
      '/models',
      'm.zip',
      renamed(await zip(new Map([['a'.repeat(to.length), text('{}')]])), 'a'.repeat(to.length), to),
    );
  },
  'a zip of two entries of one name': async () =>
    one(
      '/models',
      'm.zip',
      renamed(
        await zip(
          new Map([
            ['model.json', text('{}')],
            ['model.jsom', text('{}')],
          ]),
        ),
        'model.jsom',
        'model.json',
      ),
    ),
  'a bomb': async (random) =>
    one('/models', 'm.zip', await zip(new Map([['model.json', new Uint8Array(2 ** 25 + below(random, 1000))]]))),
  'a bomb that says it is small': async (random) =>
    one('/datasets', 'd.npz', zipOf('x.npy', new Uint8Array(2 ** 25), 100 + below(random, 100))),
  'a zip that says it is huge': async () => one('/models', 'm.zip', zipOf('model.json', text('{}'), 0xfffffff0)),
  'a zip cut off': async (random) => {
    const bytes = await zip(new Map([['model.json', text('{}')]]));
    return one('/models', 'm.zip', bytes.subarray(0, 4 + below(random, bytes.length - 5)));
  },
  'a zip of very many files': async () => {
    const files = new Map(Array.from({ length: 2100 }, (_, i) => [`${i}`, new Uint8Array(1)]));
    return one('/models', 'm.zip', await zip(files));
  },
  'an array of a shape without end': async (random) => {
    const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${2 ** 40 + below(random, 99)}, ${2 ** 40}), }`;
    return one('/datasets', 'd.npz', await zip(new Map([['x_train.npy', npy(header)]])));
  },
  'an array of objects': async () =>
    one(
      '/datasets',
      'd.npz',
      await zip(new Map([['x_train.npy', npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }")]])),
    ),
  'an array whose header is code': async (random) =>
    one(
      '/datasets',
      'd.npz',
      await zip(
        new Map([['x.npy', npy(`{'descr': __import__('os').system('x'), 'a': ${'('.repeat(1 + below(random, 30))}`)]]),
      ),
    ),
  'an array of NaN': async () => {
    const x = npyFile('<f4', [4, 2, 2, 1], Buffer.alloc(64, 0xff));
    return one('/datasets', 'd.npz', await zip(new Map([['x_train.npy', x]])));
  },
  'an image of noise': async (random) =>
    images(
      Buffer.concat([IMAGE_STARTS[below(random, 4)], noise(random, 3000)]),
      `a/1.${IMAGE_NAMES[below(random, 4)]}`,
    ),
  'an image cut off': async (random) => {
    const image = await pixels(noise(random, 64 * 64 * 3), 64, 64, 3, IMAGE_FORMATS[below(random, 3)]);
    return images(image.subarray(0, below(random, image.length / 2)), 'a/1.png');
  },
  'an image of pixels without end': async (random) =>
    images(rawPng({ width: 60000 + below(random, 99), height: 60000, bits: 8, type: 2 }, new Uint8Array(9)), '1.png'),
  'a drawing that reads a file': async () =>
    images(
      text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="/etc/passwd"/></svg>'),
      'a/1.png',
    ),
  'images beside folders of images': async () => {
    const image = await plain([1, 2, 3]);
    const files = ['a/1.png', 'b/1.png', '1.png'].map((name): [string, Uint8Array] => [name, image]);
    return one('/datasets', 'd.zip', await zip(new Map(files)));
  },
  'a tar that leaves its folder': async (random) => {
    const name = ['../../a.png', '/etc/a.png', 'a/../../b.png', '..'][below(random, 4)];
    return one('/datasets', 'd.tar', tarOf([{ name, data: await plain([1, 2, 3]) }]));
  },
  'a tar of links': async (random) => {
    const type = (['SymbolicLink', 'Link', 'CharacterDevice', 'FIFO'] as const)[below(random, 4)];
    const linkpath = type.endsWith('Link') ? { linkpath: '/etc/passwd' } : {};
    return one('/datasets', 'd.tgz', gzipSync(tarOf([{ name: 'a/1.png', type, ...linkpath }])));
  },
  'a tar that says it is huge': async (random) =>
    one('/datasets', 'd.tar', tarOf([{ name: 'a/1.png', size: 2 ** 36 + below(random, 99), data: text('x') }])),
  'a tar cut off': async (random) => {
    const tar = tarOf([{ name: 'a/1.png', data: noise(random, 5000) }]);
    return one('/datasets', 'd.tar', tar.subarray(0, 600 + below(random, 4000)));
  },
  'a bomb in a gzip': async (random) =>
    one(
      '/datasets',
      'd.tar.gz',
      gzipSync(tarOf([{ name: 'a.png', data: new Uint8Array(2 ** 25 + below(random, 99)) }])),
    ),
  'a job of noise': async (random) =>
    one(
      '/jobs',
      'model.zip',
      Uint8Array.from({ length: 100 }, () => below(random, 256)),
    ),
};

/** The `n`th upload: each kind in turn, with another seed each time around. */
export function hostileUpload(n: number): { readonly what: string; make(): Promise<HostileUpload> } {
  const kinds = Object.entries(HOSTILE);
  const [what, make] = kinds[n % kinds.length];
  return { what: `${what} (${n})`, make: () => make(seededRandom(n + 1)) };
}
