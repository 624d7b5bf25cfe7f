/** The message, if it is one, else undefined. */
export type Parse<T> = (message: unknown) => T | undefined;
