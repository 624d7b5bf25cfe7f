/** What was measured, as Markdown. */
import type { Net } from '../nets/index.js';
import type { Row } from '../rows/grid.js';
import type { MeasuredRow } from '../rows/measured-row.js';
import { type Verdict, verdicts } from './asked.js';
import { accuracies, type Cell, gain, mean, rowsIn, spread } from './figures.js';

export interface NetReport {
  readonly net: Net;
  /** Of the whole net, as a share. */
  readonly accuracy: number;
  readonly rows: readonly MeasuredRow[];
}

/** The tables of all nets, what was asked beside what was found, and which of that was met. */
export function reportText(nets: readonly NetReport[]): string {
  const judged = nets.flatMap(({ net, rows, accuracy }) => verdicts(rows, net.name, 100 * accuracy));
  return [...nets.map(netText), ...(judged.length > 0 ? [askedText(judged)] : [])].join('\n\n');
}

function netText({ net, accuracy, rows }: NetReport): string {
  const trained = net.trainedSeconds === undefined ? '' : `; trained here in ${net.trainedSeconds} s of CPU`;
  const odd = rows.filter(({ job }) => job && !job.equivalent).length;
  const parts = [
    `### ${net.name}: ${(100 * accuracy).toFixed(2)} % whole${trained}`,
    recoveryTable(rows),
    trainingTable(rows),
    criteriaTable(rows),
    odd > 0 ? `**${odd} rows have no certificate.**` : '',
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

/** The cells of rows, each once, without their kind. */
function cellsOf(rows: readonly MeasuredRow[], kinds: readonly Row['kind'][]): Omit<Cell, 'kind'>[] {
  const cells = rows
    .filter(({ row }) => kinds.includes(row.kind))
    .map(({ row: { net, share, source, samples } }) => JSON.stringify({ net, share, source, samples }));
  const each = [...new Set(cells)].map((cell) => JSON.parse(cell) as Omit<Cell, 'kind'>);
  return each.sort((a, b) => b.share - a.share || a.samples - b.samples);
}

function recoveryTable(rows: readonly MeasuredRow[]): string {
  const cells = cellsOf(rows, ['raw', 'recovered']);
  if (cells.length === 0) return '';
  const lines = cells.map((cell) => {
    const raw = rowsIn(rows, { ...cell, kind: 'raw' });
    const recovered = rowsIn(rows, { ...cell, kind: 'recovered' });
    const points = [raw, recovered].map(accuracies);
    const figures = [...[raw, recovered].map(accuracyText), gain(points[0], points[1])];
    return [String(cell.share), samplesText(cell), ...figures, cpuText(raw), cpuText(recovered), peakText(recovered)];
  });
  return table(['MACs', 'images', 'raw', 'recovered', 'gain', 'CPU s raw', 'CPU s', 'MB'], lines);
}

function trainingTable(rows: readonly MeasuredRow[]): string {
  const lines = (['default', 'finetuned'] as const).flatMap((kind) =>
    cellsOf(rows, [kind]).map((cell) => {
      const found = rowsIn(rows, { ...cell, kind });
      // Of the same draw: else the gain would be one of draws.
      const recovered = rowsIn(rows, { ...cell, kind: 'recovered' }, 1);
      const seconds = mean(found.map(({ costs }) => costs.seconds)).toFixed(1);
      const gained = gain(accuracies(recovered), accuracies(found));
      const label = kind === 'default' ? 'the target alone' : 'labels, 2 epochs';
      const figures = [accuracyText(found), gained, cpuText(found), seconds, peakText(found), stepsText(found[0])];
      return [String(cell.share), samplesText(cell), label, ...figures];
    }),
  );
  if (lines.length === 0) return '';
  return table(
    ['MACs', 'images', 'config', 'accuracy', 'over recovered', 'CPU s', 's', 'MB', 'steps, as the job tells'],
    lines,
  );
}

/** One line a criterion, those that keep most first; the control is `random`. */
function criteriaTable(all: readonly MeasuredRow[]): string {
  const rows = all.filter(({ row }) => row.kind === 'criterion');
  const names = [...new Set(rows.map(({ row }) => row.criterion!))];
  const shares = [...new Set(rows.map(({ row }) => row.share))].sort((a, b) => b - a);
  if (names.length === 0) return '';
  const at = (name: string, share: number) =>
    accuracies(rows.filter(({ row }) => row.criterion === name && row.share === share));
  const lines = names
    .map((name) => ({ name, cells: shares.map((share) => at(name, share)) }))
    .sort((a, b) => mean(b.cells.flat()) - mean(a.cells.flat()))
    .map(({ name, cells }) => [
      name,
      ...cells.flatMap((cell, i) => [spread(cell), gain(at('random', shares[i]), cell)]),
    ]);
  return table(['criterion', ...shares.flatMap((share) => [String(share), 'over random'])], lines);
}

function askedText(judged: readonly Verdict[]): string {
  const lines = judged.map(({ what, asked, found, met }) => [what, asked, found, met ? 'met' : 'not met']);
  const missed = judged.filter(({ met }) => !met).map(({ what, asked, found }) => `${what} (${asked}; ${found})`);
  const met = `Met: ${judged.length - missed.length} of ${judged.length}.`;
  const rest = missed.length > 0 ? ` Not met: ${missed.join('; ')}.` : '';
  return `### Asked\n\n${table(['row', 'asked', 'found', ''], lines)}\n\n${met}${rest}`;
}

function samplesText({ samples, source }: Omit<Cell, 'kind'>): string {
  const count = samples === 0 ? 'none' : samples.toLocaleString('en-US');
  return source === 'images' ? count : `${count}, ${source}`;
}

/** What each step gave in points (of agreement with the original where the job had no labels), and its seconds. */
function stepsText({ job }: MeasuredRow): string {
  const steps = (job?.stages ?? []).filter(({ stage }) => stage !== 'original' && stage !== 'exported');
  const texts = steps.map(({ stage, accuracy, agreement, seconds }) => {
    const share = accuracy ?? agreement;
    const points = share === null ? '' : ` ${(100 * share).toFixed(1)}${accuracy === null ? ' agree' : ''}`;
    return `${stage}${points} (${seconds.toFixed(0)} s)`;
  });
  return texts.length > 0 ? texts.join(', ') : '–';
}

/** Where nothing could be delivered, the error's code. */
function accuracyText(rows: readonly MeasuredRow[]): string {
  return rows.find(({ refused }) => refused)?.refused?.code ?? spread(accuracies(rows));
}

function cpuText(rows: readonly MeasuredRow[]): string {
  return rows.length === 0 ? '–' : mean(rows.map(({ costs }) => costs.cpuSeconds)).toFixed(1);
}

function peakText(rows: readonly MeasuredRow[]): string {
  return rows.length === 0 ? '–' : (Math.max(...rows.map(({ costs }) => costs.peakBytes)) / 1e6).toFixed(0);
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...lines.map(line)].join('\n');
}
