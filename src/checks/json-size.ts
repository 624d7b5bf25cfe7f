/** How deep JSON is and how many values it has, counted before it is parsed. */

export interface JsonBounds {
  readonly levels: number;
  readonly values: number;
}

/** What a text has too many of. Of what is no JSON it says anything: the parser will. */
export function findExcess(text: string, most: JsonBounds): keyof JsonBounds | undefined {
  let levels = 0;
  let values = 1;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22: // "
        i = endOfString(text, i);
        break;
      case 0x5b: // [
      case 0x7b: // {
        levels += 1;
        values += 1;
        if (levels > most.levels) return 'levels';
        break;
      case 0x5d: // ]
      case 0x7d: // }
        levels -= 1;
        break;
      case 0x2c: // ,
        values += 1;
        break;
    }
    if (values > most.values) return 'values';
  }
  return undefined;
}

/** Where the string that begins at `start` ends: at its closing quote, or with the text. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5c) i += 1;
    else if (code === 0x22) return i;
  }
  return text.length;
}
