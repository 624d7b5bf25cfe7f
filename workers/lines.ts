import type { Readable } from 'node:stream';

/** A longer line is cut into pieces: a child may print without end. */
const LONGEST = 8192;

/** Of one stream and minute; the log is not what a child may fill a disk with. */
const MOST_A_MINUTE = 1000;
const MINUTE_MS = 60_000;

/** Calls `onLine` for each line of text, the last one too when it has no line end; of a flood, for the first lines of each minute. */
export function forEachLine(stream: Readable, onLine: (line: string) => void): void {
  const told = withinBounds(onLine);
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST) {
      lines.push(rest);
      rest = '';
    }
    for (const line of lines) if (line !== '') told(line);
  });
  stream.on('end', () => rest === '' || told(rest));
}

function withinBounds(onLine: (line: string) => void): (line: string) => void {
  let minuteEndsMs = 0;
  let left = 0;
  return (line) => {
    if (performance.now() >= minuteEndsMs) {
      minuteEndsMs = performance.now() + MINUTE_MS;
      left = MOST_A_MINUTE;
    }
    left -= 1;
    if (left >= 0) onLine(line.slice(0, LONGEST));
    else if (left === -1) onLine(`(it prints more than ${MOST_A_MINUTE} lines a minute: the others are left out)`);
  };
}
