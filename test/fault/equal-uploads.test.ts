/** Equal bytes that come several times at once, over HTTP with a worker process. */
import { expect, test } from 'vitest';
import { describeRedis } from '../contracts/redis-server.js';
import { useHttpService } from './http-service.js';

describeRedis('four uploads of equal bytes at once', () => {
  const used = useHttpService();

  const upload = (name: string) => {
    const form = new FormData();
    form.append('file', new Blob([`bytes of ${name}`]), name);
    return used.service.call('POST', '/models', form);
  };
  const four = (name: string) => Promise.all([upload(name), upload(name), upload(name), upload(name)]);

  test('that are good are one model', async () => {
    const answers = await four('tiny.zip');
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 201]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  });

  test('that are bad have one verdict', async () => {
    const answers = await four('lambda.zip');
    for (const answer of answers) expect(answer).toMatchObject({ status: 422, body: { code: 'LAMBDA_LAYER' } });
  });
});
