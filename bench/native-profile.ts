/**
 * Where the time of a training step and of a forward pass goes on the native engine, by kind of instruction and by
 * instruction: `npm run bench:profile -- M1`.
 */
import { parseArgs } from 'node:util';
import { createNativeEngine, loadAddon } from '../src/engine/native/index.js';
import { noiseImages } from './train/images.js';
import { BENCH_NETS } from './train/nets.js';
import { OwnSide } from './train/own-side.js';
import { buildVariant, VARIANTS } from './train/variants.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    variant: { type: 'string', default: 'full' },
    threads: { type: 'string', default: '1' },
    runs: { type: 'string', default: '10' },
  },
});
const net = BENCH_NETS.find(({ name }) => name.startsWith(positionals[0] ?? 'M1'));
const variant = VARIANTS.find(({ name }) => name === values.variant);
if (!net || !variant) {
  throw new Error(
    `expected one of ${BENCH_NETS.map(({ name }) => name)}, --variant ${VARIANTS.map(({ name }) => name)}`,
  );
}
const loaded = loadAddon();
if (!('addon' in loaded)) throw new Error(`there is no native engine here: ${loaded.reason}`);
const engine = createNativeEngine(loaded.addon, {
  threads: Number(values.threads),
  onProfile: (lines) => console.log(`${lines.join('\n')}\n`),
});
const graph = buildVariant(net, variant);
const own = await OwnSide.open(engine, graph, noiseImages(graph, net.batch));
await own.train(Number(values.runs));
await own.forward(Number(values.runs));
await own.close();
