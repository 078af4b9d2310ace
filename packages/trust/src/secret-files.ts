// Makes and reads small secrets as files that only their owner can read; whole from the moment they have their name, never
// overwritten. Never logs or returns one in a message.
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { accept, type Result, refuse } from '@drover/core/reasons';

/** Makes the file with what `make` gives, unless it is there; then reads it. One that others can read is refused by key_invalid. */
export function openSecretFile(file: string, make: () => Uint8Array): Result<Uint8Array> {
  if (!existsSync(file)) {
    const beside = `${file}.new`;
    rmSync(beside, { force: true });
    const fd = openSync(beside, 'wx', 0o600);
    try {
      const bytes = make();
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    try {
      // Unlike a rename, a link never takes the place of what is there.
      linkSync(beside, file);
    } finally {
      rmSync(beside);
    }
  }
  const { mode } = statSync(file);
  if ((mode & 0o077) !== 0)
    return refuse('key_invalid', `"${file}" has mode ${(mode & 0o777).toString(8)}; make it 600.`);
  return accept(readFileSync(file));
}
