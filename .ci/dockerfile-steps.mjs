// Images are not built in CI (no Docker engine): this parses the Dockerfile strictly and carries out its COPY and RUN
// steps in temporary folders, one a stage, so that a step that can't work is found. Steps that need the image's own
// users or root folders (chown, paths outside WORKDIR) are mapped below the stage's folder or named as left out.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parse } from 'yaml';

const root = resolve(import.meta.dirname, '..');
// Everything is left out but what a line takes in again.
const sent = new Set(
  readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1)),
);
const KNOWN = new Set(['FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'VOLUME', 'EXPOSE', 'CMD']);
const steps = readFileSync(join(root, 'Dockerfile'), 'utf8')
  .replace(/\\\n/g, ' ')
  .split('\n')
  .map((line) => line.trim())
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [, word, rest] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (!KNOWN.has(word)) throw new Error(`Dockerfile: unknown instruction in "${line}"`);
    return { word, rest };
  });

const needed = neededStages(steps);
const base = mkdtempSync(join(tmpdir(), 'dockerfile-'));
const stages = new Map();
let stage;
try {
  for (const { word, rest } of steps) {
    if (word === 'FROM') {
      const { name } = fromParts(rest);
      if (!needed.has(name)) console.log(`FROM ${rest} (only parsed: the last stage doesn't need it)`);
      const parent = stages.get(rest.split(' ')[0]);
      stage = { name, folder: join(base, name ?? 'last'), workdir: '/', env: { ...parent?.env } };
      mkdirSync(stage.folder, { recursive: true });
      if (parent) cpSync(parent.folder, stage.folder, { recursive: true });
      stages.set(name, stage);
    } else if (!stage) {
      throw new Error(`Dockerfile: ${word} before FROM`);
    } else if (!needed.has(stage.name)) {
      if (word === 'CMD') JSON.parse(rest);
    } else if (word === 'WORKDIR') {
      stage.workdir = resolve(stage.workdir, rest);
      mkdirSync(stage.folder + stage.workdir, { recursive: true });
    } else if (word === 'ENV') {
      for (const pair of rest.split(/\s+/)) stage.env[pair.split('=')[0]] = pair.split('=').slice(1).join('=');
    } else if (word === 'COPY') {
      const words = rest.split(/\s+/);
      const from = words[0].startsWith('--from=') ? stages.get(words.shift().slice(7)) : undefined;
      const target = stage.folder + resolve(stage.workdir, words.pop());
      for (const source of words) {
        const path = from ? from.folder + resolve('/', source) : join(root, source);
        if (!existsSync(path)) throw new Error(`Dockerfile: COPY ${source}: there is no such file`);
        if (!from && !sent.has(source.replace(/^\.\//, ''))) throw new Error(`.dockerignore leaves out ${source}`);
        const intoFolder = words.length > 1 || rest.endsWith('/');
        const to = intoFolder && statSync(path).isFile() ? join(target, basename(path)) : target;
        cpSync(path, to, { recursive: true, verbatimSymlinks: true });
      }
      console.log(`COPY ${rest}`);
    } else if (word === 'RUN') {
      if (/\bchown\b/.test(rest)) {
        console.log(`RUN ${rest} (left out: needs the image's users)`);
        continue;
      }
      console.log(`RUN ${rest}`);
      execFileSync('sh', ['-ec', rest], {
        cwd: stage.folder + stage.workdir,
        env: { ...process.env, ...stage.env, NODE_ENV: '' },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    } else if (word === 'CMD') {
      stage.cmd = JSON.parse(rest);
    }
  }
  const [program, script, ...args] = stage.cmd;
  const out = execFileSync(program, [script, ...args, '--help'], { cwd: stage.folder + stage.workdir }).toString();
  if (!out.includes('DATA_DIR')) throw new Error(`the image's command has no --help: ${out}`);
  console.log('CMD --help answers in the runtime stage');
} finally {
  rmSync(base, { recursive: true, force: true });
}

const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'));
for (const name of ['redis', 'api', 'worker']) {
  if (!compose.services?.[name]) throw new Error(`docker-compose.yml has no service ${name}`);
}
for (const [name, service] of Object.entries(compose.services)) {
  if (!service.image && !service.build) throw new Error(`docker-compose.yml: ${name} has neither image nor build`);
  for (const need of Object.keys(service.depends_on ?? {})) {
    if (!compose.services[need]) throw new Error(`docker-compose.yml: ${name} depends on ${need}, which is not there`);
  }
}
console.log('docker-compose.yml is well formed');

function fromParts(rest) {
  const [, image, name] = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(rest) ?? [];
  return { image, name };
}

/** The stages that a build without a target carries out: the last one, and those that it is made from or copies from. */
function neededStages(all) {
  const sources = new Map();
  let current;
  for (const { word, rest } of all) {
    if (word === 'FROM') {
      const { image, name } = fromParts(rest);
      current = [image];
      sources.set(name, current);
    } else if (word === 'COPY' && rest.startsWith('--from=')) {
      current.push(rest.split(/\s+/)[0].slice(7));
    }
  }
  const found = new Set();
  const visit = (name) => {
    if (!sources.has(name) || found.has(name)) return;
    found.add(name);
    for (const source of sources.get(name)) visit(source);
  };
  visit([...sources.keys()].at(-1));
  return found;
}
