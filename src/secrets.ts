/** Keys and passwords of the environment: taken out of it once they are read, and kept out of the log. */
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';

/** Variables that hold a key, or an address that may hold a password. */
const SECRET_VARIABLES = ['API_KEY', 'REDIS_URL', 'DATABASE_URL', 'S3_URL'] as const;

type Environment = Record<string, string | undefined>;

/** What must not be read anywhere of these variables: keys, and passwords of addresses. */
export function secretsOf(env: Readonly<Environment>): string[] {
  return SECRET_VARIABLES.flatMap((name) => {
    const value = env[name]?.trim();
    if (!value) return [];
    if (!URL.canParse(value)) return [value];
    const { password } = new URL(value);
    return password === '' ? [] : [value, password, decodeURIComponent(password)];
  });
}

/**
 * Takes the secret variables out of this process's environment, so that neither a plugin nor a program that we start
 * finds them. On Linux that goes for `/proc/PID/environ`, too, which shows the memory that the process was started with
 * and which our children could read.
 * @param onError hears when the system does not let us at that memory
 */
export function forgetSecrets(onError: (error: Error) => void, env: Environment = process.env): void {
  const values = SECRET_VARIABLES.flatMap((name) => (env[name] ? [`${name}=${env[name]}`] : []));
  for (const name of SECRET_VARIABLES) delete env[name];
  if (process.platform !== 'linux' || values.length === 0) return;
  try {
    overwrite(values);
  } catch (error) {
    onError(error as Error);
  }
}

function overwrite(variables: readonly string[]): void {
  const [start, end] = environmentRange();
  const memory = openSync('/proc/self/mem', 'r+');
  try {
    const bytes = Buffer.alloc(end - start);
    readSync(memory, bytes, 0, bytes.length, start);
    for (const variable of variables) {
      const value = Buffer.from(variable);
      const name = variable.indexOf('=') + 1;
      for (let at = bytes.indexOf(value); at >= 0; at = bytes.indexOf(value, at + 1)) {
        writeSync(memory, Buffer.alloc(value.length - name, '-'), 0, value.length - name, start + at + name);
      }
    }
  } finally {
    closeSync(memory);
  }
}

/** Where the environment that the process was started with lies: fields 50 and 51 of proc_pid_stat(5). */
function environmentRange(): [number, number] {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  // The second field, a name in brackets, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return [Number(fields[47]), Number(fields[48])];
}
