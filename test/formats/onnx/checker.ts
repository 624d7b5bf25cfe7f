import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

const PYTHON = '/usr/bin/python3';
const FIND = 'import importlib.util, sys; sys.exit(importlib.util.find_spec("onnx") is None)';

/** Whether Debian's python3-onnx is installed; where it is not, files are not held against ONNX's own checker. */
export const hasChecker = existsSync(PYTHON) && spawnSync(PYTHON, ['-c', FIND]).status === 0;
if (!hasChecker && process.env.ESPALIER_REQUIRE_CHECKER === '1') {
  throw new Error('ESPALIER_REQUIRE_CHECKER is set, but python3-onnx is not installed');
}
if (!hasChecker) console.log('python3-onnx is not installed: written files are not checked by onnx.checker');

/** Answers each path, a line of JSON, with what is wrong with the file, or null. */
const PROGRAM = `
import json, sys, onnx
for line in sys.stdin:
    fault = None
    try:
        onnx.checker.check_model(json.loads(line), full_check=True)
    except Exception as error:
        fault = str(error)
    print(json.dumps({"fault": fault}), flush=True)
`;

/** One process for all files of a test: starting it takes longer than a check. It ends with the test, which holds its input. */
let checker: { child: ChildProcessByStdio<Writable, Readable, null>; answers: AsyncIterator<string> } | undefined;

function start(): NonNullable<typeof checker> {
  const child = spawn(PYTHON, ['-c', PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
  return { child, answers: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

/** Holds a file against ONNX's own checker, shape inference included. @throws Error with what it says */
export async function checkOnnxFile(path: string): Promise<void> {
  checker ??= start();
  checker.child.stdin.write(`${JSON.stringify(path)}\n`);
  const { value, done } = await checker.answers.next();
  if (done) throw new Error(`the process of onnx.checker ended at ${path}`);
  const { fault } = JSON.parse(value) as { readonly fault: string | null };
  if (fault !== null) throw new Error(`onnx.checker on ${path}: ${fault}`);
}
