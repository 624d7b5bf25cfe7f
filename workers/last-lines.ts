/** Kept of what a process says. */
const MOST = 10;
const LONGEST = 300;

/** The last lines of a process, as they are told to users: few, and short. */
export function createLastLines(): { add(line: string): void; readonly lines: readonly string[] } {
  const lines: string[] = [];
  return {
    lines,
    add: (line) => {
      lines.push(line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line);
      if (lines.length > MOST) lines.shift();
    },
  };
}
