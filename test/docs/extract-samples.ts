import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** A fenced block of a page: ```json config is a block of language `json` and kind `config`. */
export interface Sample {
  readonly language: string;
  readonly kind: string;
  readonly text: string;
  /** Of the block's first line, from 1. */
  readonly line: number;
}

export const DOCS = resolve(import.meta.dirname, '../../docs');

export function samplesOf(page: string): Sample[] {
  const samples: Sample[] = [];
  const lines = readFileSync(resolve(DOCS, page), 'utf8').split('\n');
  for (let i = 0; i < lines.length; i++) {
    const [, language, kind] = lines[i].match(/^```(\w+) ?(.*)$/) ?? [];
    if (language === undefined) continue;
    const end = lines.indexOf('```', i);
    samples.push({ language, kind, text: lines.slice(i + 1, end).join('\n'), line: i + 2 });
    i = end;
  }
  return samples;
}

/** What a code sample says that it prints: the comments right below each line that prints. */
export function printedBy(code: string): string[] {
  const printed: string[] = [];
  let follows = false;
  for (const line of code.split('\n')) {
    const comment = line.match(/^\s*\/\/ ?(.*)$/);
    if (follows && comment) printed.push(comment[1]);
    else follows = /^\s*(console\.log|show)\(.*;/.test(line);
  }
  return printed;
}
