/** Images in folders as data sets. Only files here know the image library. */
import type { OpenFileSet } from '../../archive/index.js';
import type { DatasetFormat, DatasetParts, DatasetReading, Findings } from '../format.js';
import { isImage, listImages } from './image-files.js';
import { type ImageSource, imageSplit } from './image-split.js';
import { surveyImages, usualExtents } from './survey.js';

export const IMAGES: DatasetFormat = {
  kind: 'images',
  accepts:
    'a .zip or .tar of PNG, JPEG, WebP or GIF images: in folders of classes (with or without train/, val/ and test/ around them), or alone',
  match: (files) => files.names.some(isImage),
  read: readImages,
  inspect: inspectImages,
};

async function readImages(files: OpenFileSet, { scratchFolder, warn }: DatasetReading): Promise<DatasetParts> {
  const { train, validation, test, classes, warnings } = listImages(files);
  const owned: { close(): Promise<void> }[] = [];
  const source: ImageSource = {
    files,
    classes: classes?.length ?? 0,
    scratchFolder,
    warn,
    own: (resource) => void owned.push(resource),
  };
  const extents = await usualExtents(files, train.files);
  return {
    train: imageSplit(train, extents, source),
    ...(validation && { validation: imageSplit(validation, extents, source) }),
    ...(test && { test: imageSplit(test, extents, source) }),
    ...(classes && { classes }),
    warnings,
    close: async () => {
      for (const resource of owned) await resource.close();
      await files.close();
    },
  };
}

async function inspectImages(files: OpenFileSet): Promise<Findings> {
  const listed = listImages(files);
  const { train, validation, test, classes } = listed;
  const { shape, warnings } = await surveyImages(files, listed);
  return {
    samples: {
      train: train.files.length,
      validation: validation?.files.length ?? 0,
      ...(test && { test: test.files.length }),
    },
    input_shape: shape,
    dtype: 'uint8',
    label_kind: classes ? 'index' : 'none',
    num_classes: classes?.length ?? null,
    label_shape: classes ? [] : null,
    label_outputs: [],
    ...(classes && { classes }),
    warnings: [...listed.warnings, ...warnings],
  };
}
