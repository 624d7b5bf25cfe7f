/**
 * Most resident memory of a process that trains one net for a few steps, in bytes: for the comparison, which runs it in a
 * process of its own. Usage: node dist/bench/train/memory.js NET VARIANT ENGINE THREADS
 */
import { type EngineName, openEngine } from '../../src/engine/index.js';
import { noiseImages } from './images.js';
import { BENCH_NETS } from './nets.js';
import { OwnSide } from './own-side.js';
import { buildVariant, VARIANTS } from './variants.js';

const STEPS = 6;

const [netName, variantName, engineName, threads] = process.argv.slice(2);
const net = BENCH_NETS.find(({ name }) => name === netName)!;
const variant = VARIANTS.find(({ name }) => name === variantName)!;
const graph = buildVariant(net, variant);
const engine = await openEngine({ engine: engineName as EngineName, threads: Number(threads) });
const side = await OwnSide.open(engine, graph, noiseImages(graph, net.batch));
await side.train(STEPS);
console.log(process.resourceUsage().maxRSS * 1024);
process.exit();
