import { expect, test } from 'vitest';
import { JobEvents } from '../../src/jobs/job-events.js';

test('the last events of a job are kept, so many and so much of them', () => {
  const events = new JobEvents();
  for (let i = 0; i < 600; i++) events.add('job_a', 'progress', { i });
  const many = events.after('job_a', undefined);
  expect([many.length, many[0].data]).toEqual([500, { i: 100 }]);

  for (let i = 0; i < 100; i++) events.add('job_b', 'log', { i, message: 'x'.repeat(10_000) });
  const long = events.after('job_b', undefined);
  expect([long.length, long.at(-1)?.data]).toEqual([26, { i: 99, message: 'x'.repeat(10_000) }]);
  // What came after one that is forgotten is what is left.
  expect(events.after('job_b', many[0].id)).toHaveLength(26);
});

test('an event that is longer than all that is kept is kept alone', () => {
  const events = new JobEvents();
  events.add('job_a', 'log', { message: 'short' });
  events.add('job_a', 'log', { message: 'x'.repeat(300_000) });
  expect(events.after('job_a', undefined)).toHaveLength(1);
});
