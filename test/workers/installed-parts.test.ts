/** What the process that loads the operator's modules says of them; each is a module that was taken, or is refused by name. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUILT_IN_PARTS, IteAlgorithm } from '../../src/pruning/index.js';
import { readInstalledParts } from '../../workers/installed-parts.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-plugins-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function moduleOf(source: string): string {
  const path = join(folder, `plugin${count++}.mjs`);
  writeFileSync(path, source);
  return path;
}

const criterionWith = (fields: string) =>
  `export default () => ({ criteria: [{ name: 'mine', importance() {}, ${fields} }] });`;

describe('parts are told by what configs need of them', () => {
  test.each([
    [
      'of a class, its name a getter',
      `class Mine { get name() { return 'mine'; } importance() {} }
       export default () => ({ criteria: [new Mine()] });`,
    ],
    [
      'in a circle',
      `export default () => { const part = { name: 'mine', importance() {} }; part.self = { part }; return { criteria: [part] }; };`,
    ],
    ['with more data than a message has', criterionWith('cache: new Float32Array(3e6)')],
    ['with what JSON has not', criterionWith('count: 1n')],
  ])('a criterion %s', async (_what, source) => {
    const { criteria } = await readInstalledParts([moduleOf(source)]);
    expect(criteria.map(({ name }) => name)).toEqual([...BUILT_IN_PARTS.criteria.map(({ name }) => name), 'mine']);
  });

  test('a class with a `create` of its own, which has the parameters of the one that it extends', async () => {
    const source = `export default ({ IteAlgorithm }) => ({
      algorithms: [class Mine extends IteAlgorithm { static create(graph, config, parts) { return new Mine(graph, config, parts); } }],
    });`;
    const { algorithms } = await readInstalledParts([moduleOf(source)]);
    expect(algorithms[1]).toEqual({ name: 'Mine', parameters: JSON.parse(JSON.stringify(IteAlgorithm.parameters)) });
  });

  test('a long alias', async () => {
    const alias = 'a'.repeat(200);
    const { criteria } = await readInstalledParts([moduleOf(criterionWith(`aliases: ['${alias}']`))]);
    expect(criteria.at(-1)).toEqual({ name: 'mine', aliases: [alias] });
  });

  test('plugins have the pictures that the types of the framework tell of', async () => {
    const source = `export default ({ ChannelMutator, BaseAlgorithm }) => {
      const drawn = [ChannelMutator, BaseAlgorithm].every(({ prototype }) => Object.hasOwn(prototype, 'toString'));
      if (!drawn || !ChannelMutator.prototype.drawArchitecture) throw new Error('nothing draws');
      return {};
    };`;
    await expect(readInstalledParts([moduleOf(source)])).resolves.toBeDefined();
  });
});

describe('the module that can not be taken is named', () => {
  test.each<[string, string, string]>([
    ['an alias that no config can have', criterionWith(`aliases: ['${'a'.repeat(201)}']`), 'a name has at most 200'],
    ['an alias that is no text', criterionWith('aliases: [1]'), 'criteria: mine has a name that is number'],
    ['aliases that are no list', criterionWith(`aliases: 'abc'`), 'criteria: the aliases of mine are no list'],
    [
      'parameters that are no JSON',
      "export default () => ({ algorithms: [{ name: 'mine', create() {}, parameters: { many: { default: 1n } } }] });",
      'algorithms: mine can not be told as JSON',
    ],
    [
      'parameters that are too long',
      `const many = { description: 'x'.repeat(2 ** 24) };
       export default () => ({ algorithms: [{ name: 'mine', create() {}, parameters: { many } }] });`,
      'a message has',
    ],
    ['one that ends its process', 'process.exit(3);', 'it exited with code 3'],
  ])('%s', async (_what, source, why) => {
    const path = moduleOf(source);
    const failure = await readInstalledParts([path]).catch((error: Error) => error.message);
    expect(failure).toContain(path);
    expect(failure).toContain(why);
  });
});
