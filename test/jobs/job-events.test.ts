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

test('who comes again gets what came after the last event that it saw, though others came between', () => {
  const events = new JobEvents();
  for (let i = 0; i < 6; i++) events.add(i % 2 === 0 ? 'job_a' : 'job_b', 'progress', { i });
  const [first, second, third] = events.after('job_a', undefined);
  expect(events.after('job_a', first.id)).toEqual([second, third]);
  expect(events.after('job_a', third.id)).toEqual([]);
  // The last one seen may be of another job, or forgotten.
  expect(events.after('job_a', events.after('job_b', undefined)[0].id)).toEqual([second, third]);
});

test('an event that is longer than all that is kept is kept alone', () => {
  const events = new JobEvents();
  events.add('job_a', 'log', { message: 'short' });
  events.add('job_a', 'log', { message: 'x'.repeat(300_000) });
  expect(events.after('job_a', undefined)).toHaveLength(1);
});
