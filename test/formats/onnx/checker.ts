import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const PYTHON = '/usr/bin/python3';

/** Whether Debian's python3-onnx is installed; where it is not, files are not held against ONNX's own checker. */
export const hasChecker = existsSync(PYTHON) && spawnSync(PYTHON, ['-c', 'import onnx']).status === 0;
if (!hasChecker && process.env.ESPALIER_REQUIRE_CHECKER === '1') {
  throw new Error('ESPALIER_REQUIRE_CHECKER is set, but python3-onnx is not installed');
}
if (!hasChecker) console.log('python3-onnx is not installed: written files are not checked by onnx.checker');

/** Holds a file against ONNX's own checker, shape inference included. @throws Error with what it says */
export function checkOnnxFile(path: string): void {
  const program = 'import onnx, sys; onnx.checker.check_model(sys.argv[1], full_check=True)';
  execFileSync(PYTHON, ['-c', program, path], { stdio: ['ignore', 'ignore', 'pipe'] });
}
