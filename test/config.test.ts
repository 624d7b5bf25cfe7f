import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { ConfigError, readConfig, readWorkerConfig } from '../src/config.js';

test('an empty environment is valid', () => {
  expect(readConfig({})).toMatchObject({
    host: '127.0.0.1',
    port: 3000,
    redisUrl: undefined,
    engine: 'auto',
    logLevel: 'info',
    workerConcurrency: 1,
    threads: 0,
    apiKey: undefined,
    limits: { uploadBytes: 512 * 2 ** 20, jsonBytes: 2 ** 20, jobDeadlineMs: 7_200_000 },
  });
});

test('what an upload may unpack to, and what reading it may take, is set like the other limits', () => {
  const { limits } = readConfig({
    UNPACKED_LIMIT: '5000',
    COMPRESSION_LIMIT: '50',
    ENTRIES_LIMIT: '10',
    DATASET_UNPACKED_LIMIT: '7000',
    DATASET_ENTRIES_LIMIT: '20',
    DATASET_UPLOAD_LIMIT: '6000',
    INSPECTION_DEADLINE: '45',
    INSPECTION_MEMORY_LIMIT: String(2 ** 31),
  });
  expect(limits).toMatchObject({
    archive: { unpackedBytes: 5000, compressionRatio: 50, entries: 10 },
    datasetArchive: { unpackedBytes: 7000, compressionRatio: 50, entries: 20 },
    datasetUploadBytes: 6000,
    inspectionDeadlineMs: 45_000,
    inspectionMemoryBytes: 2 ** 31,
  });
  const GIB = 2 ** 30;
  expect(readConfig({}).limits).toMatchObject({
    archive: { unpackedBytes: 2 * GIB, compressionRatio: 200, entries: 2000 },
    datasetUploadBytes: 16 * GIB,
    datasetArchive: { unpackedBytes: 64 * GIB, compressionRatio: 200, entries: 1_000_000 },
  });
  expect(() => readConfig({ ENTRIES_LIMIT: '0', INSPECTION_DEADLINE: '61' })).toThrow(/INSPECTION_.*\n.*ENTRIES_/);
});

test('every wrong variable is named in one error', () => {
  const env = {
    PORT: '99999',
    ENGINE: 'torch',
    LOG_LEVEL: 'loud',
    REDIS_URL: 'localhost:6379',
    THREADS: '-1',
    UPLOAD_LIMIT: '5MB',
    DATABASE_URL: 'postgres://x',
    S3_URL: 's3://x',
    API_KEY: 'short',
  };
  const error = (() => {
    try {
      readConfig(env);
    } catch (e) {
      return e as ConfigError;
    }
  })();
  expect(error).toBeInstanceOf(ConfigError);
  expect(error?.problems.map((p) => p.split(' ')[0]).sort()).toEqual(Object.keys(env).sort());
  expect(error?.message).toContain('DATABASE_URL is not supported yet');
});

test('DEVICE is one that the engine has, and whose package is installed', () => {
  expect(readConfig({}).device).toBe('auto');
  expect(readConfig({ ENGINE: 'onnxruntime', DEVICE: 'webgpu' })).toMatchObject({
    engine: 'onnxruntime',
    device: 'webgpu',
  });
  expect(() => readConfig({ ENGINE: 'onnxruntime', DEVICE: 'cuda' })).toThrow(
    /DEVICE must with ENGINE "onnxruntime" be one of auto, cpu, webgpu, found "cuda"/,
  );
  expect(() => readConfig({ DEVICE: 'cuda' })).toThrow(/DEVICE is "cuda", which needs .*npm run gpu:install/);
});

test.each(['0.0.0.0', '::', '192.168.1.2', 'example.org'])('%s without a key is refused', (HOST) => {
  expect(() => readConfig({ HOST })).toThrow(/API_KEY is needed/);
  expect(readConfig({ HOST, API_KEY: 'long-enough' }).host).toBe(HOST);
});

test.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('%s needs no key', (HOST) => {
  expect(readConfig({ HOST }).apiKey).toBeUndefined();
});

test('a worker listens nowhere: what only concerns the API is not asked of it', () => {
  const config = readWorkerConfig({ REDIS_URL: 'redis://queue:6379', HOST: '0.0.0.0', PORT: 'http', THREADS: '2' });
  expect(config).toMatchObject({ redisUrl: 'redis://queue:6379', threads: 2 });
});

test('a worker without REDIS_URL is told so, with everything else that is wrong', () => {
  expect(() => readWorkerConfig({ THREADS: 'many' })).toThrow(/THREADS must be .*\n.*REDIS_URL is needed/);
});

test('docker-compose.yml starts each process with an environment that it takes', () => {
  const image = readFileSync('Dockerfile', 'utf8').matchAll(/^ENV (.*)$/gm);
  const fromImage = Object.fromEntries([...image].flatMap(([, pairs]) => pairs.split(' ').map((p) => p.split('='))));
  const { services } = parse(readFileSync('docker-compose.yml', 'utf8').replace(/\$\{API_KEY[^}]*\}/, 'a-secret'));
  expect(readConfig({ ...fromImage, ...services.api.environment })).toMatchObject({
    host: '0.0.0.0',
    dataDir: '/data',
  });
  expect(readWorkerConfig({ ...fromImage, ...services.worker.environment }).dataDir).toBe('/data');
});
