import type { FileSet } from '../../archive/index.js';
import { clip, MOST_CLASSES } from '../../checks/index.js';
import type { Warning } from '../../contract.js';
import { EspalierError } from '../../errors.js';

/** Images of one part of a data set, and the number of each one's class; in order of class and name. */
export interface ImagePart {
  readonly files: readonly string[];
  /** Absent for images alone. */
  readonly labels?: Uint32Array;
}

/** What the names of an upload's files say. */
export interface ImageFiles {
  readonly train: ImagePart;
  /** Held out: `val/`, or `test/` where it is alone. */
  readonly validation?: ImagePart;
  /** `test/`, where `val/` is there too. */
  readonly test?: ImagePart;
  /** Names of the class folders in the order of their numbers; absent for images alone. */
  readonly classes?: readonly string[];
  readonly warnings: readonly Warning[];
}

const READ = /\.(png|jpe?g|jpe|jfif|webp|gif)$/i;
/** Images all the same: leaving them out would leave out classes. */
const OTHER = /\.(bmp|tiff?|hei[cf]|avif|jp2|jxl|p[gpbn]m|tga|psd)$/i;
const HIDDEN = /(^|\/)(\.[^/]*|__MACOSX|Thumbs\.db|desktop\.ini)(\/|$)/;

/** What the parts of a data set are called. */
const PARTS: Readonly<Record<string, 'train' | 'validation' | 'test'>> = {
  train: 'train',
  training: 'train',
  val: 'validation',
  valid: 'validation',
  validation: 'validation',
  test: 'test',
  testing: 'test',
};

export function isImage(name: string): boolean {
  return (READ.test(name) || OTHER.test(name)) && !HIDDEN.test(name);
}

/**
 * Sorts the files of an upload into parts and classes: class folders, `train/` beside `val/` or `test/` with class folders in
 * them, or images alone. Folders around all of that are looked through. Classes are numbered in the order of their names, as
 * Keras's `image_dataset_from_directory` does; folders without images count.
 * @throws EspalierError DATASET_INVALID for a mixture, or images of formats that are not read
 */
export function listImages({ names, folders = [] }: Pick<FileSet, 'names' | 'folders'>): ImageFiles {
  const shown = names.filter((name) => !HIDDEN.test(name));
  const other = shown.find((name) => OTHER.test(name));
  if (other !== undefined) throw invalid(`${clip(other, 200)} is no PNG, JPEG, WebP or GIF: convert it to one of them`);
  const images = shown.filter((name) => READ.test(name));
  if (images.length === 0) throw invalid('there are no images');
  const empty = emptyFolders(shown, folders);
  const root = commonFolder([...images, ...empty.map((folder) => `${folder}/`)]).length;
  const tree = treeOf(
    images.map((name) => ({ name, path: name.slice(root) })),
    empty.map((folder) => folder.slice(root)),
  );
  const warnings = ignoredFiles(shown.filter((name) => !READ.test(name)));
  const parts = partsOf(tree);
  if (!parts) {
    const classes = tree.isLabelled ? numbered([...tree.classes.keys()]) : undefined;
    const emptied = classes ? warnOfEmpty(classes, tree) : [];
    return { train: partOf(tree, classes), ...(classes && { classes }), warnings: [...warnings, ...emptied] };
  }
  const { train } = parts;
  // What is held out is scored as `train` is: by its classes, or not at all.
  const others = [parts.validation, parts.test].filter((part) => part !== undefined);
  const held = others.filter(({ tree: { isLabelled } }) => isLabelled === train.tree.isLabelled);
  const [validation, test] = held;
  const named = [train, ...held].flatMap(({ tree: { classes } }) => [...classes.keys()]);
  const classes = train.tree.isLabelled ? numbered(named) : undefined;
  return {
    train: partOf(train.tree, classes),
    ...(validation && { validation: partOf(validation.tree, classes) }),
    ...(test && { test: partOf(test.tree, classes) }),
    ...(classes && { classes }),
    warnings: [
      ...warnings,
      ...(classes ? warnOfEmpty(classes, train.tree) : []),
      ...others.filter((part) => !held.includes(part)).map((part) => warnOfPart(part, train)),
    ],
  };
}

interface Image {
  readonly name: string;
  /** From where the tree begins. */
  readonly path: string;
}

/** Images in folders by the folders' names, or images alone. */
interface Tree {
  readonly isLabelled: boolean;
  readonly classes: ReadonlyMap<string, readonly Image[]>;
  readonly alone: readonly Image[];
  /** Empty folders, from where the tree begins. */
  readonly empty: readonly string[];
}

interface NamedTree {
  readonly folder: string;
  readonly tree: Tree;
}

function treeOf(images: readonly Image[], empty: readonly string[]): Tree {
  const classes = new Map<string, Image[]>();
  const alone: Image[] = [];
  const into = (folder: string): Image[] => {
    const own = classes.get(folder) ?? [];
    classes.set(folder, own);
    return own;
  };
  for (const image of images) {
    const end = image.path.indexOf('/');
    // Archivers of macOS decompose letters with marks.
    if (end < 0) alone.push(image);
    else into(image.path.slice(0, end).normalize('NFC')).push(image);
  }
  for (const folder of empty) if (folder !== '') into(folder.split('/')[0].normalize('NFC'));
  return { isLabelled: classes.size > 0, classes, alone, empty };
}

/** The parts of a tree whose folders are called so; undefined where they are classes. @throws EspalierError DATASET_INVALID */
function partsOf(tree: Tree): ({ train: NamedTree } & { [P in 'validation' | 'test']?: NamedTree }) | undefined {
  const folders = [...tree.classes.keys()];
  const isPart = (folder: string) => folder.toLowerCase() in PARTS;
  const parts = folders.filter(isPart);
  const kinds = new Set(parts.map((folder) => PARTS[folder.toLowerCase()]));
  const stray = folders.find((folder) => !isPart(folder));
  // A class may be called `train`; beside a `test` it is none.
  if (parts.length === 0 || (stray !== undefined && !(kinds.has('train') && kinds.size > 1))) return undefined;
  if (stray !== undefined) {
    throw invalid(
      `beside ${parts.map(shown).join(' and ')} there is ${shown(stray)}: take it out, or into one of them`,
    );
  }
  if (tree.alone.length > 0) {
    throw invalid(`${tree.alone[0].name} lies beside ${parts.map(shown).join(' and ')}: put it into one of them`);
  }
  const found: { [P in 'train' | 'validation' | 'test']?: NamedTree } = {};
  for (const [folder, images] of tree.classes) {
    const part = PARTS[folder.toLowerCase()];
    if (found[part])
      throw invalid(`${shown(found[part].folder)} and ${shown(folder)} are the same part: make them one`);
    const inside = images.map(({ name, path }) => ({ name, path: path.slice(path.indexOf('/') + 1) }));
    const empty = tree.empty.filter((path) => path.normalize('NFC').startsWith(`${folder}/`));
    found[part] = {
      folder,
      tree: treeOf(
        inside,
        empty.map((path) => path.slice(path.indexOf('/') + 1)),
      ),
    };
  }
  const { train, ...others } = found;
  if (!train) throw invalid(`there are ${parts.map(shown).join(' and ')}, but no train/`);
  return { train, ...others };
}

function partOf({ isLabelled, classes, alone }: Tree, order: readonly string[] | undefined): ImagePart {
  if (!isLabelled) return { files: alone.map(({ name }) => name).sort() };
  const [stray] = alone;
  if (stray) {
    const [folder] = classes.keys();
    throw invalid(
      `${stray.name} lies beside folders of classes (${shown(folder)}): put it into one of them, or take it out`,
    );
  }
  const files: string[] = [];
  const labels: number[] = [];
  for (const [label, folder] of (order ?? []).entries()) {
    const own = (classes.get(folder) ?? []).map(({ name }) => name).sort();
    for (const name of own) {
      files.push(name);
      labels.push(label);
    }
  }
  return { files, labels: Uint32Array.from(labels) };
}

/** By code points, as Python sorts. @throws EspalierError DATASET_INVALID where there are too many */
function numbered(folders: readonly string[]): string[] {
  const classes = [...new Set(folders)];
  if (classes.length > MOST_CLASSES) {
    throw invalid(`there are ${classes.length} folders of classes; at most ${MOST_CLASSES} are taken`);
  }
  return classes.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** Folders in which there is nothing at all. */
function emptyFolders(names: readonly string[], folders: readonly string[]): string[] {
  if (folders.length === 0) return [];
  const filled = new Set<string>();
  for (const path of [...names, ...folders]) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end);
      if (filled.has(folder)) break;
      filled.add(folder);
    }
  }
  return folders.filter((folder) => !filled.has(folder) && !HIDDEN.test(folder));
}

/** The folder that all paths lie in, with its slash; '' where there is none. */
function commonFolder(paths: readonly string[]): string {
  let common = paths.length > 0 ? paths[0].slice(0, paths[0].lastIndexOf('/') + 1) : '';
  for (const path of paths) {
    while (!path.startsWith(common)) common = common.slice(0, common.lastIndexOf('/', common.length - 2) + 1);
    if (common === '') break;
  }
  return common;
}

function warnOfEmpty(classes: readonly string[], { classes: images }: Tree): Warning[] {
  const empty = classes.filter((name) => (images.get(name)?.length ?? 0) === 0);
  if (empty.length === 0) return [];
  const message = `no images to learn from are in ${some(empty.map(shown))}; they count as classes all the same`;
  return [{ code: 'CLASS_EMPTY', message }];
}

function warnOfPart({ folder, tree }: NamedTree, train: NamedTree): Warning {
  const why = `it has ${tree.isLabelled ? 'folders of classes' : 'images alone'}, unlike ${shown(train.folder)}`;
  return { code: 'PART_IGNORED', message: `${shown(folder)} is not used: ${why}` };
}

function ignoredFiles(names: readonly string[]): Warning[] {
  if (names.length === 0) return [];
  return [{ code: 'FILES_IGNORED', message: `files that are no images are not used: ${some(names)}` }];
}

/** The first few of a list. */
export function some(names: readonly string[]): string {
  const first = names.slice(0, 5).map((name) => clip(name, 200));
  return `${first.join(', ')}${names.length > first.length ? ` and ${names.length - first.length} more` : ''}`;
}

const shown = (folder: string): string => `${clip(folder, 200)}/`;

const invalid = (detail: string): EspalierError => new EspalierError('DATASET_INVALID', detail);
