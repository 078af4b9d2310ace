// Our model signatures against the vectors and schemas of the specification: a checkout of
// github.com/ossf/model-signing-spec, named by DROVER_OMS_SPEC. Not part of `npm test`, which needs nothing of others.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { leafKeyOf, openStatement, parseOmsBundle, signOmsBundle, verifyOmsBundle } from '@drover/trust/oms/bundle';
import { makeOmsKey, omsSignerFromPem } from '@drover/trust/oms/key';
import { parseStatement, rootDigestOf } from '@drover/trust/oms/statement';
import { Compile } from 'typebox/schema';
import { describe, expect, it } from 'vitest';

const spec = process.env['DROVER_OMS_SPEC'];
if (spec === undefined)
  throw new Error('DROVER_OMS_SPEC names no checkout of ossf/model-signing-spec: nothing was asked');
const vectors = path.join(spec, 'test-vectors/v1.0');
const read = (folder: string, name: string): Buffer => readFileSync(path.join(vectors, folder, name));
const list = (folder: string): string[] => readdirSync(path.join(vectors, folder)).toSorted();

const names = ['bundle', 'envelope', 'statement', 'predicate'] as const;
const schemas = Object.fromEntries(
  names.map((name) => [name, JSON.parse(readFileSync(path.join(spec, `schemas/v1.0/${name}.schema.json`), 'utf8'))]),
) as Record<(typeof names)[number], { readonly $id: string }>;
const context = Object.fromEntries(Object.values(schemas).map((schema) => [schema.$id, schema]));
const validators = Object.fromEntries(names.map((name) => [name, Compile(context, schemas[name])]));
const fits = (name: (typeof names)[number], json: unknown): boolean => validators[name]?.Check(json) === true;

describe('the OMS specification', () => {
  it('has the vectors that these tests were written for', () => {
    expect(list('valid')).toEqual(['certificate.bundle.json', 'key.bundle.json', 'sigstore.bundle.json']);
    expect(list('invalid').length + list('invalid-payload').length).toBe(5);
  });

  it.each([['key'], ['certificate'], ['sigstore']])(
    'accepts the form of the valid vector "%s", and so do we',
    (method) => {
      const bytes = read('valid', `${method}.bundle.json`);
      expect(fits('bundle', JSON.parse(bytes.toString('utf8')))).toBe(true);
      const bundle = parseOmsBundle(bytes);
      if (!bundle.ok) throw new Error(bundle.detail);
      expect(bundle.value.method).toBe(method);
      const statement = parseStatement(bundle.value.payload);
      if (!statement.ok) throw new Error(statement.detail);
      expect(statement.value.files.map(({ name }) => name)).toEqual(['signme-1', 'signme-2']);
      expect(statement.value.rootDigest).toBe(rootDigestOf(statement.value.files));
      if (method === 'key') return;
      const key = leafKeyOf(bundle.value);
      if (!key.ok) throw new Error(key.detail);
      expect(key.value.curve).toBe(method === 'sigstore' ? 'P-256' : 'P-384');
      expect(openStatement(bundle.value, key.value)).toMatchObject({ ok: true });
    },
  );

  // The certificate of that vector was made from the key whose hint the vector "key" names.
  it('has a valid "key" vector whose hint and signature we confirm', () => {
    const certificate = parseOmsBundle(read('valid', 'certificate.bundle.json'));
    if (!certificate.ok) throw new Error(certificate.detail);
    const leaf = leafKeyOf(certificate.value);
    if (!leaf.ok) throw new Error(leaf.detail);
    const bytes = read('valid', 'key.bundle.json');
    const verified = verifyOmsBundle(bytes, leaf.value.spkiPem);
    expect(verified.ok ? 'ok' : `${verified.code}: ${verified.detail}`).toBe('ok');
  });

  it.each(list('invalid').map((name) => [name]))('refuses the invalid vector %s, and so do we', (name) => {
    const bundle = parseOmsBundle(read('invalid', name));
    expect(bundle.ok ? 'ok' : bundle.code).toBe('oms_malformed');
  });

  it.each(list('invalid-payload').map((name) => [name]))('refuses the payload of %s, and so do we', (name) => {
    const bundle = parseOmsBundle(read('invalid-payload', name));
    if (!bundle.ok) throw new Error(bundle.detail);
    expect(fits('statement', JSON.parse(Buffer.from(bundle.value.payload).toString('utf8')))).toBe(false);
    expect(parseStatement(bundle.value.payload)).toMatchObject({ code: 'oms_statement_invalid' });
  });

  it('accepts what we make, by all four schemas', async () => {
    const signer = omsSignerFromPem(makeOmsKey());
    if (signer === undefined) throw new Error('no signer');
    const bytes = await signOmsBundle('pump-1', [{ name: 'model.onnx', sha256: 'ab'.repeat(32) }], signer);
    const json = JSON.parse(Buffer.from(bytes).toString('utf8')) as { dsseEnvelope: { payload: string } };
    const statement = JSON.parse(Buffer.from(json.dsseEnvelope.payload, 'base64').toString('utf8')) as {
      predicate: unknown;
    };
    expect(fits('bundle', json)).toBe(true);
    expect(fits('envelope', json.dsseEnvelope)).toBe(true);
    expect(fits('statement', statement)).toBe(true);
    expect(fits('predicate', statement.predicate)).toBe(true);
    // The schemas can say no.
    expect(fits('bundle', { ...json, more: 1 })).toBe(false);
    expect(fits('predicate', { resources: [], serialization: {} })).toBe(false);
  });
});
