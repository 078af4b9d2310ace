// Owns the pointer file of each slot: which manifest is active, which was before. Never loads a model.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isDigest, isName } from '@drover/core/ids';
import { removeFile, replaceFile } from './durable-file.ts';

export interface SlotPointer {
  /** Manifest digests. */
  readonly active: string;
  readonly previous?: string;
}

export interface SlotStore {
  read(slot: string): SlotPointer | undefined;
  list(): string[];
  /** Makes `manifest` active; what was active becomes previous. Doing it twice changes nothing. */
  activate(slot: string, manifest: string): void;
  /** Points back at `previous`; the manifest that is left is forgotten. False when there is none. */
  revert(slot: string): boolean;
  remove(slot: string): void;
}

function parsePointer(text: string): SlotPointer | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // A file that a rename put in place is whole; anything else was edited by hand and points nowhere.
    return undefined;
  }
  if (typeof json !== 'object' || json === null || !('active' in json)) return undefined;
  const { active } = json;
  const previous = 'previous' in json ? json.previous : undefined;
  if (typeof active !== 'string' || !isDigest(active)) return undefined;
  return typeof previous === 'string' && isDigest(previous) ? { active, previous } : { active };
}

export function openSlotStore(dataDir: string): SlotStore {
  const folder = path.join(dataDir, 'slots');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fileOf = (slot: string): string => path.join(folder, `${slot}.json`);
  const write = (slot: string, pointer: SlotPointer): void => replaceFile(fileOf(slot), `${JSON.stringify(pointer)}\n`);
  const list = (): string[] =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -5))
      .filter(isName);
  const pointers = new Map<string, SlotPointer>();
  for (const slot of list()) {
    const pointer = parsePointer(readFileSync(fileOf(slot), 'utf8'));
    if (pointer) pointers.set(slot, pointer);
  }
  const put = (slot: string, pointer: SlotPointer): void => {
    write(slot, pointer);
    pointers.set(slot, pointer);
  };
  return {
    read: (slot) => pointers.get(slot),
    list: () => [...pointers.keys()],
    activate(slot, manifest) {
      const held = pointers.get(slot);
      if (held?.active === manifest) return;
      put(slot, held ? { active: manifest, previous: held.active } : { active: manifest });
    },
    revert(slot) {
      const previous = pointers.get(slot)?.previous;
      if (previous === undefined) return false;
      put(slot, { active: previous });
      return true;
    },
    remove(slot) {
      removeFile(fileOf(slot));
      pointers.delete(slot);
    },
  };
}
