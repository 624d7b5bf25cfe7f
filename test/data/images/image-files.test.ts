/** What the names of an upload's files say: parts, classes, what is left aside and what is refused. */
import { describe, expect, test } from 'vitest';
import { listImages } from '../../../src/data/images/image-files.js';

const list = (names: readonly string[], folders: readonly string[] = []) => {
  const { train, validation, test, classes, warnings } = listImages({ names, folders });
  const shown = (part: typeof train | undefined) =>
    part?.files.map((name, i) => (part.labels ? `${part.labels[i]} ${name}` : name));
  const held = { validation: shown(validation), ...(test && { test: shown(test) }) };
  return { train: shown(train), ...held, classes, warnings: warnings.map(({ code }) => code) };
};

describe('class folders', () => {
  test('are numbered in the order of their names, whatever the order in the archive', () => {
    expect(list(['dog/2.png', 'cat/1.JPG', 'dog/1.webp', 'Cow/x.gif', '10/a.png', '9/a.png'])).toEqual({
      train: ['0 10/a.png', '1 9/a.png', '2 Cow/x.gif', '3 cat/1.JPG', '4 dog/1.webp', '4 dog/2.png'],
      validation: undefined,
      classes: ['10', '9', 'Cow', 'cat', 'dog'],
      warnings: [],
    });
  });

  test('are numbered by code points, as Python sorts, and letters with marks may be decomposed', () => {
    const decomposed = 'e\u0301';
    const { classes, train } = list(['😀/1.png', '\uff5e/1.png', `${decomposed}/1.png`, 'é/2.png', 'z/1.png']);
    expect(classes).toEqual(['z', 'é', '\uff5e', '😀']);
    expect(train).toEqual(['0 z/1.png', `1 ${decomposed}/1.png`, '1 é/2.png', '2 \uff5e/1.png', '3 😀/1.png']);
  });

  test('may lie in folders around them, and have folders in them', () => {
    expect(list(['my/data/a/1.png', 'my/data/b/x/2.png', 'my/data/b/y/1.png'])).toMatchObject({
      train: ['0 my/data/a/1.png', '1 my/data/b/x/2.png', '1 my/data/b/y/1.png'],
      classes: ['a', 'b'],
    });
  });

  test('count when they are empty: the numbers of others stay', () => {
    expect(list(['a/1.png', 'c/1.png'], ['a', 'b', 'c', '.cache', '__MACOSX'])).toEqual({
      train: ['0 a/1.png', '2 c/1.png'],
      validation: undefined,
      classes: ['a', 'b', 'c'],
      warnings: ['CLASS_EMPTY'],
    });
    expect(list(['w/a/1.png'], ['w', 'w/a', 'w/b'])).toMatchObject({ classes: ['a', 'b'] });
  });

  test('may be called as parts are', () => {
    expect(list(['bus/1.png', 'train/1.png']).classes).toEqual(['bus', 'train']);
  });
});

describe('parts', () => {
  test.each(['val', 'validation', 'valid', 'test', 'Test'])('train/ and %s/ with class folders', (held) => {
    expect(list([`${held}/a/1.png`, 'train/a/2.png', 'train/b/3.png', `${held}/b/4.png`])).toEqual({
      train: ['0 train/a/2.png', '1 train/b/3.png'],
      validation: [`0 ${held}/a/1.png`, `1 ${held}/b/4.png`],
      classes: ['a', 'b'],
      warnings: [],
    });
  });

  test('of three, one judges training, and test/ is for the last figures', () => {
    const found = list([
      'train/a/1.png',
      'train/b/1.png',
      'val/a/2.png',
      'val/b/2.png',
      'test/a/3.png',
      'test/b/3.png',
    ]);
    expect(found).toMatchObject({
      validation: ['0 val/a/2.png', '1 val/b/2.png'],
      test: ['0 test/a/3.png', '1 test/b/3.png'],
      warnings: [],
    });
  });

  test('a test/ of images alone beside classes is not scored by', () => {
    const found = list(['train/a/1.png', 'train/b/1.png', 'val/a/2.png', 'val/b/2.png', 'test/3.png']);
    expect(found).toMatchObject({ validation: ['0 val/a/2.png', '1 val/b/2.png'], warnings: ['PART_IGNORED'] });
    const without = list(['train/a/1.png', 'train/b/1.png', 'test/3.png']);
    expect(without).toMatchObject({ validation: undefined, classes: ['a', 'b'], warnings: ['PART_IGNORED'] });
  });

  test('a class that only one of them has counts in both', () => {
    const { classes, warnings } = list(['train/a/1.png', 'train/c/1.png', 'test/b/1.png', 'test/c/1.png']);
    expect({ classes, warnings }).toEqual({ classes: ['a', 'b', 'c'], warnings: ['CLASS_EMPTY'] });
    expect(list(['train/a/1.png', 'test/a/1.png'], ['test/b', 'train/b']).classes).toEqual(['a', 'b']);
  });

  test('one part alone is the data set', () => {
    expect(list(['train/a/1.png', 'train/b/1.png'])).toMatchObject({ classes: ['a', 'b'] });
  });
});

test('images alone have no labels, in one folder or in none', () => {
  const alone = { validation: undefined, classes: undefined, warnings: [] };
  expect(list(['b.png', 'a.jpeg'])).toEqual({ train: ['a.jpeg', 'b.png'], ...alone });
  expect(list(['photos/b.png', 'photos/a.png'])).toEqual({ train: ['photos/a.png', 'photos/b.png'], ...alone });
  expect(list(['train/b.png', 'val/a.png'])).toEqual({ ...alone, train: ['train/b.png'], validation: ['val/a.png'] });
});

test('what desktop systems add is no image, and of other files a warning tells', () => {
  const junk = ['__MACOSX/a/._1.png', 'a/.DS_Store', 'a/Thumbs.db', '.git/x.png', 'a/._1.png', 'b/.hidden.png'];
  expect(list(['a/1.png', 'b/1.png', ...junk])).toMatchObject({ classes: ['a', 'b'], warnings: [] });
  expect(list(['a/1.png', 'b/1.png', 'labels.csv'])).toMatchObject({
    classes: ['a', 'b'],
    warnings: ['FILES_IGNORED'],
  });
});

test.each<[string, readonly string[], RegExp]>([
  ['images beside class folders', ['a/1.png', 'b/1.png', 'c.png'], /c\.png lies beside folders of classes \(a\/\)/],
  ['images beside parts', ['train/a/1.png', 'test/a/1.png', 'c.png'], /c\.png lies beside train\/ and test\//],
  ['a folder beside parts', ['train/a/1.png', 'test/a/1.png', 'extra/a/1.png'], /there is extra\//],
  ['a part that is there twice', ['train/a/1.png', 'val/a/1.png', 'validation/a/1.png'], /val\/ and validation\//],
  ['no train/', ['val/a/1.png', 'test/a/1.png'], /no train\//],
  ['a format that is not read', ['a/1.png', 'b/1.tiff'], /b\/1\.tiff is no PNG, JPEG, WebP or GIF/],
  ['no image', ['a/1.txt'], /no images/],
])('refused: %s', (_, names, message) => {
  expect(() => list(names)).toThrow(
    expect.objectContaining({ code: 'DATASET_INVALID', message: expect.stringMatching(message) }),
  );
});
