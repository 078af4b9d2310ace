import { buildSoftmaxModel, buildTreeModel } from '@drover/testkit/models';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkModel } from './check.ts';
import { readMetadata, replaceMetadata } from './metadata.ts';

function take(bytes: Uint8Array, entries: Readonly<Record<string, string>>): Uint8Array {
  const result = replaceMetadata(bytes, entries);
  if (!result.ok) throw new Error(result.detail);
  return result.value;
}

describe('metadata', () => {
  it('comes back as written, and the model stays what it was', () => {
    const entries = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme', maxLength: 300 }));
    fc.assert(
      fc.property(entries, entries, (first, second) => {
        const model = buildSoftmaxModel(first);
        expect(readMetadata(model)).toEqual({ ok: true, value: first });
        const changed = take(model, second);
        expect(readMetadata(changed)).toEqual({ ok: true, value: second });
        const check = checkModel(changed);
        expect(check.ok && check.value.metadata).toEqual(second);
        expect(take(changed, {})).toEqual(take(model, {}));
      }),
      { numRuns: 100 },
    );
  });

  it('is written as the builder writes it, and once is enough', () => {
    const entries = { 'drover.kind': 'tree', a: 'b' };
    expect(take(buildSoftmaxModel(), entries)).toEqual(buildSoftmaxModel(entries));
    const tree = take(buildTreeModel(), entries);
    expect(take(tree, entries)).toEqual(tree);
  });

  it('is refused when the file is cut or is none', () => {
    const model = buildSoftmaxModel({ a: 'b' });
    expect(readMetadata(model.subarray(0, model.length - 1))).toMatchObject({ code: 'onnx_malformed' });
    expect(replaceMetadata(Uint8Array.of(255, 255), {})).toMatchObject({ code: 'onnx_malformed' });
    const notText = Uint8Array.of((14 << 3) | 2, 3, (1 << 3) | 2, 1, 255);
    expect(readMetadata(notText)).toMatchObject({ code: 'onnx_malformed' });
  });

  it('answers for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(readMetadata(bytes).ok).toBe(replaceMetadata(bytes, { a: 'b' }).ok);
      }),
      { numRuns: 500 },
    );
  });
});
