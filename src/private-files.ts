/** Files and folders of a process that are nobody else's to read. */
import { chmod, mkdir } from 'node:fs/promises';

/** Everything that this process and its children make from now on is 0600, folders 0700. */
export function makeFilesPrivate(): void {
  process.umask(0o077);
}

/** Makes the folder where need be. One that others could look into, as older versions left it, is closed to them. */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o700).catch((error: NodeJS.ErrnoException) => {
    // A volume that is another user's: its rights are that user's choice, what we write there is private all the same.
    if (error.code !== 'EPERM') throw error;
  });
}
