import type { Readable } from 'node:stream';

/** A longer line is cut into pieces: a child may print without end. */
const LONGEST = 8192;

/** Calls `onLine` for each line of text, the last one too when it has no line end. */
export function forEachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST) {
      lines.push(rest);
      rest = '';
    }
    for (const line of lines) if (line !== '') onLine(line);
  });
  stream.on('end', () => rest === '' || onLine(rest));
}
