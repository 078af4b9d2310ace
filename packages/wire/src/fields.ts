// Checks single fields of a decoded message and remembers the first that is wrong. Never throws; never sees a whole message.
import { isDeviceId, isId, isName } from '@drover/core/ids';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { METADATA_NAME_CHARS, TEXT_CHARS } from './limits.ts';

/** One file name, in lower case and without a way out of its folder: version, role, `.json`. */
const METADATA_NAME = /^(?:[1-9][0-9]{0,15}\.)?[a-z0-9][a-z0-9._~-]*\.json$/;

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');

/** Each check returns a usable value even when it is wrong; `finish` then refuses the whole. */
export class FieldCheck {
  #wrong: string | undefined;

  wrong(field: string, why: string): void {
    this.#wrong ??= `Field "${field}" ${why}.`;
  }

  finish<T>(value: T): Result<T> {
    return this.#wrong === undefined ? accept(value) : refuse('wire_field_invalid', this.#wrong);
  }

  /** An unsigned integer that a number holds exactly. */
  uint(field: string, value: number | null | undefined, most = Number.MAX_SAFE_INTEGER): number {
    const n = value ?? 0;
    if (!Number.isSafeInteger(n) || n < 0 || n > most) this.wrong(field, `is not a whole number from 0 to ${most}`);
    return n;
  }

  finite(field: string, value: number | null | undefined): number {
    const n = value ?? 0;
    if (!Number.isFinite(n)) this.wrong(field, 'is not a finite number');
    return n;
  }

  id(field: string, value: string | null | undefined): string {
    const text = value ?? '';
    if (!isId(text)) this.wrong(field, 'is not an id of 32 lower-case hex characters');
    return text;
  }

  name(field: string, value: string | null | undefined): string {
    const text = value ?? '';
    if (!isName(text)) this.wrong(field, 'is not a name');
    return text;
  }

  /** Empty, or a device id. */
  subject(field: string, value: string | null | undefined): string {
    const text = value ?? '';
    if (text !== '' && !isDeviceId(text)) this.wrong(field, 'is not a device id');
    return text;
  }

  text(field: string, value: string | null | undefined, most = TEXT_CHARS): string {
    const text = value ?? '';
    if (text.length > most) this.wrong(field, `is longer than ${most} characters`);
    return text.slice(0, most);
  }

  metadataName(field: string, value: string | null | undefined): string {
    const text = value ?? '';
    if (text.length > METADATA_NAME_CHARS || !METADATA_NAME.test(text))
      this.wrong(field, 'is not a file name of release metadata');
    return text.slice(0, METADATA_NAME_CHARS);
  }

  digest(field: string, value: Uint8Array | null | undefined): string {
    if (!value || value.length !== 32) this.wrong(field, 'is not a digest of 32 bytes');
    return value ? hex(value.subarray(0, 32)) : '';
  }

  optionalDigest(field: string, value: Uint8Array | null | undefined): string | undefined {
    return !value || value.length === 0 ? undefined : this.digest(field, value);
  }

  oneOf<T extends string>(field: string, value: string | null | undefined, choices: readonly [T, ...T[]]): T {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) this.wrong(field, `is none of ${choices.join(', ')}`);
    return found ?? choices[0];
  }

  list<A, B>(field: string, values: readonly A[] | undefined | null, most: number, read: (value: A) => B): B[] {
    const list = values ?? [];
    if (list.length > most) {
      this.wrong(field, `has more than ${most} items`);
      return [];
    }
    return list.map(read);
  }

  bytes(field: string, value: Uint8Array | null | undefined, most: number): Uint8Array {
    const found = value ?? new Uint8Array(0);
    if (found.length > most) this.wrong(field, `is larger than ${most} bytes`);
    return found;
  }
}
