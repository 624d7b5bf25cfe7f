/** `npm run backup -- FOLDER` and `npm run restore -- FOLDER`. */
import { resolve } from 'node:path';
import { makeFilesPrivate } from '../private-files.js';
import { backUp } from './backup.js';
import { restore } from './restore.js';

const HELP = `npm run backup -- FOLDER    writes record, models, data sets and results to a new folder; the service may run
npm run restore -- FOLDER   makes a DATA_DIR of such a folder; start the service afterwards

Environment:
  DATA_DIR   the service's folder (./data)
`;

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

const COMMANDS: Readonly<Record<string, (folder: string, dataDir: string) => Promise<void>>> = {
  backup: async (folder, dataDir) => {
    const { files, sizeBytes, left } = await backUp(dataDir, folder);
    for (const path of left) process.stderr.write(`${path} is gone; what names it is left out of the backup\n`);
    process.stdout.write(`${folder}: the record and ${files} files, ${mebibytes(sizeBytes)}\n`);
  },
  restore: async (folder, dataDir) => {
    const { files, sizeBytes } = await restore(folder, dataDir);
    process.stdout.write(`${dataDir}: the record and ${files} files, ${mebibytes(sizeBytes)}\n`);
  },
};

const [name, folder, ...rest] = process.argv.slice(2);
if (folder === '--help' || folder === '-h') {
  process.stdout.write(HELP);
  process.exit(0);
}
const command = COMMANDS[name ?? ''];
if (command === undefined || folder === undefined || folder.startsWith('-') || rest.length > 0) {
  process.stderr.write(`one folder is needed\n\n${HELP}`);
  process.exit(2);
}
makeFilesPrivate();
try {
  await command(resolve(folder), resolve(process.env.DATA_DIR?.trim() || './data'));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
