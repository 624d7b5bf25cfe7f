export { type Client, type ClientOptions, createClient, type Files, type NewJobRequest } from './client.js';
export { ProblemError } from './problem-error.js';
export type * from './wire.js';
