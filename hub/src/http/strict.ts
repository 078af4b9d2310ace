// Turns API schemas into strict ones (unknown fields are refused) and compiles them. Never changes what a schema means otherwise.

import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import Value from 'typebox/value';

type Node = Readonly<Record<string, unknown>>;
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

function closeNode(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closeNode);
  if (!isNode(schema)) return schema;
  const copy: Record<string, unknown> = {};
  // TypeBox keeps its own marks in hidden properties ("~kind"): they must survive the copy.
  for (const key of Reflect.ownKeys(schema)) {
    const found = Object.getOwnPropertyDescriptor(schema, key);
    if (found === undefined || typeof key === 'symbol') continue;
    const isMap = key === 'properties' || key === 'patternProperties';
    const value =
      key.startsWith('~') || key === 'default' || key === 'enum' || key === 'const'
        ? found.value
        : isMap && isNode(found.value)
          ? Object.fromEntries(Object.entries(found.value).map(([name, child]) => [name, closeNode(child)]))
          : closeNode(found.value);
    Object.defineProperty(copy, key, { ...found, value });
  }
  const isClosed = isNode(schema['properties']) || isNode(schema['patternProperties']);
  if (isClosed && schema['additionalProperties'] === undefined) copy['additionalProperties'] = false;
  return copy;
}

/** The same schema with every object closed. */
export const closeSchema = <T extends TSchema>(schema: T): T => closeNode(schema) as T;

/** Query strings and path parts are text and are read as the type that the schema has; a body is taken as it is. */
export const compileStrictly: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const closed = httpPart === 'headers' ? schema : closeSchema(schema);
  const compiled = Compile(closed);
  return (given: unknown) => {
    const value = httpPart === 'body' ? given : Value.Default(closed, Value.Convert(closed, given));
    return compiled.Check(value) ? { value } : { error: compiled.Errors(value) as unknown as Error };
  };
};
