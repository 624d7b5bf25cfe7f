import type { Plan } from './plan/plan-graph.js';

/** How many of the costliest instructions are listed. */
const LISTED = 40;

/** Where a program's time went in all of its runs: by operation, and by instruction. */
export function profileLines(title: string, plan: Plan, milliseconds: readonly number[]): string[] {
  const total = milliseconds.reduce((sum, ms) => sum + ms, 0);
  const share = (ms: number): string =>
    `${ms.toFixed(2).padStart(9)} ms ${((100 * ms) / total).toFixed(1).padStart(5)} %`;
  const byOperation = new Map<string, { ms: number; count: number }>();
  plan.instructions.forEach(({ operation }, i) => {
    const { ms, count } = byOperation.get(operation) ?? { ms: 0, count: 0 };
    byOperation.set(operation, { ms: ms + milliseconds[i], count: count + 1 });
  });
  const operations = [...byOperation].sort(([, a], [, b]) => b.ms - a.ms);
  const costliest = milliseconds.map((ms, i) => ({ ms, i })).sort((a, b) => b.ms - a.ms);
  return [
    `${title}: ${plan.instructions.length} instructions, arena of ${(plan.arenaBytes / 2 ** 20).toFixed(1)} MiB`,
    ...operations.map(([operation, { ms, count }]) => `${share(ms)}  ${operation} (${count})`),
    ...costliest.slice(0, LISTED).map(({ ms, i }) => {
      const { operation, label } = plan.instructions[i];
      return `${share(ms)}  ${operation}: ${label}`;
    }),
  ];
}
