/**
 * Messages between a worker and a child: one line of JSON each, over a socket that only the two have. A child has read
 * bytes of strangers and may run an operator's modules, so the worker takes no more of a line than it may have.
 */
import { findExcess } from '../src/checks/json-size.js';

/** The child's end of the socket: the first file after the standard streams. */
export const CHANNEL_FD = 3;

/** The child's end of another one, on which the worker shows that it is alive (parent-watch.ts). */
export const PULSE_FD = 4;

/** A worker that says nothing for this long is taken for dead: its jobs go to another, and its children end. */
export const HOLD_MS = 20_000;

/** The last message of an inspection lists every unit of a model. */
export const LONGEST_FRAME = 16 * 2 ** 20;

/** Of what is sent on the way: there may be many. */
export const LONGEST_EVENT = 64 * 1024;

/** Who stores or shows a message goes through it by recursion. */
const MOST_LEVELS = 100;

const LINE_END = 0x0a;

export interface Frame {
  readonly message: unknown;
  readonly sizeBytes: number;
}

export class FrameTooLong extends RangeError {
  readonly sizeBytes: number;

  constructor(sizeBytes: number, longest: number) {
    super(`a message has ${sizeBytes} bytes; at most ${longest} are sent`);
    this.sizeBytes = sizeBytes;
  }
}

/** @throws FrameTooLong when it is longer than `longest` bytes */
export function encodeFrame(message: object, longest = LONGEST_FRAME): Buffer {
  // JSON has no line breaks of its own.
  const bytes = Buffer.from(`${JSON.stringify(message)}\n`);
  if (bytes.length > longest) throw new FrameTooLong(bytes.length, longest);
  return bytes;
}

/** Cuts what comes into frames. What is left of half a line when the stream ends was no message. */
export class FrameReader {
  #parts: Buffer[] = [];
  #sizeBytes = 0;

  /** @throws Error saying what is wrong, when it is no line of JSON or too long. Nothing may be pushed after that. */
  *push(chunk: Buffer): Generator<Frame> {
    let rest = chunk;
    for (let end = rest.indexOf(LINE_END); end >= 0; end = rest.indexOf(LINE_END)) {
      this.#add(rest.subarray(0, end));
      const line = Buffer.concat(this.#parts);
      this.#parts = [];
      this.#sizeBytes = 0;
      yield { message: parse(line.toString('utf8')), sizeBytes: line.length };
      rest = rest.subarray(end + 1);
    }
    this.#add(rest);
  }

  #add(part: Buffer): void {
    this.#sizeBytes += part.length;
    if (this.#sizeBytes > LONGEST_FRAME) throw new Error(`a message has more than ${LONGEST_FRAME} bytes`);
    if (part.length > 0) this.#parts.push(part);
  }
}

function parse(line: string): unknown {
  if (findExcess(line, { levels: MOST_LEVELS, values: Number.POSITIVE_INFINITY }) !== undefined) {
    throw new Error(`a message is nested deeper than ${MOST_LEVELS} levels`);
  }
  try {
    return JSON.parse(line);
  } catch {
    throw new Error('a message is not JSON');
  }
}
