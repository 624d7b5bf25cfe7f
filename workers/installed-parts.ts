import { BUILT_IN_PARTS, type PartRows } from '../src/prune-config/index.js';
import { parsePartsChildMessage } from './protocol.js';
import { type ChildLimits, childEntry, runChild } from './run-child.js';

const LIMITS: ChildLimits = { memoryBytes: 2 ** 30, deadlineMs: 30_000, cancelGraceMs: 0 };

/**
 * The parts that configs may name with these modules. They are loaded in a child, as they are for jobs.
 * @throws Error naming the module that can not be loaded, or all of them where none can be told from the others.
 */
export async function readInstalledParts(plugins: readonly string[]): Promise<PartRows> {
  if (plugins.length === 0) return BUILT_IN_PARTS;
  const output: string[] = [];
  const child = runChild<never, PartRows>({
    entry: childEntry('parts-child'),
    request: { type: 'parts', plugins },
    parse: parsePartsChildMessage,
    onEvent: () => {},
    onOutput: (_stream, line) => output.push(line),
    limits: LIMITS,
    niceness: 0,
  });
  const ending = await child.ended;
  if (ending.type === 'done') return ending.value;
  const how = `${plugins.join(', ')}: ${'detail' in ending ? ending.detail : ending.type}`;
  const why = ending.type === 'error' ? ending.error.message : [how, ...output.slice(-5)].join('\n');
  throw new Error(`ESPALIER_PLUGINS: ${why}`);
}
