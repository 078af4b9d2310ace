// Decides whether a .proto only added to what was agreed: older agents and newer hubs must go on understanding each other.
// Knows names, numbers, types and labels; never what a message is for.
import protobuf from 'protobufjs';

interface Agreed {
  /** `Message.field` → what the bytes on the wire depend on. */
  readonly fields: ReadonlyMap<string, string>;
  /** `Enum.VALUE` → number. */
  readonly values: ReadonlyMap<string, number>;
  /** Message and enum names. */
  readonly names: ReadonlySet<string>;
}

/** What the text of a .proto agrees on. Throws when it cannot be parsed. */
function readAgreed(text: string): Agreed {
  const { root } = protobuf.parse(text, { keepCase: true });
  const fields = new Map<string, string>();
  const values = new Map<string, number>();
  const names = new Set<string>();
  const visit = (namespace: protobuf.NamespaceBase): void => {
    for (const object of namespace.nestedArray) {
      const name = object.fullName.slice(1);
      if (object instanceof protobuf.Enum) {
        names.add(name);
        for (const [value, number] of Object.entries(object.values)) values.set(`${name}.${value}`, number);
      } else if (object instanceof protobuf.Type) {
        names.add(name);
        for (const field of object.fieldsArray) fields.set(`${name}.${field.name}`, describeField(field));
        visit(object);
      } else if (object instanceof protobuf.Namespace) visit(object);
    }
  };
  visit(root);
  return { fields, values, names };
}

function describeField(field: protobuf.Field): string {
  const key = field instanceof protobuf.MapField ? `map<${field.keyType}, ` : '';
  const label = field.repeated ? 'repeated ' : '';
  const union = field.partOf && !field.partOf.name.startsWith('_') ? ` in oneof ${field.partOf.name}` : '';
  const presence = field.partOf?.name.startsWith('_') ? 'optional ' : '';
  return `${presence}${label}${key}${field.type}${key ? '>' : ''} = ${field.id}${union}`;
}

/**
 * What in `current` breaks what `agreed` says: a message, field or enum value that is gone, or has another number, type or label.
 * A renamed field is a removed one: JSON views, logs and generated code carry names. Additions are no problem.
 */
export function findBreaks(agreed: string, current: string): string[] {
  const before = readAgreed(agreed);
  const after = readAgreed(current);
  const problems: string[] = [];
  for (const name of before.names) if (!after.names.has(name)) problems.push(`${name} is gone`);
  for (const [name, was] of before.fields) {
    const is = after.fields.get(name);
    if (is === undefined) problems.push(`${name} is gone (it was ${was})`);
    else if (is !== was) problems.push(`${name} was ${was} and is ${is}`);
  }
  for (const [name, was] of before.values) {
    const is = after.values.get(name);
    if (is === undefined) problems.push(`${name} is gone (it was ${was})`);
    else if (is !== was) problems.push(`${name} was ${was} and is ${is}`);
  }
  return problems;
}

/** How many fields and enum values a .proto agrees on. */
export function countAgreed(text: string): number {
  const agreed = readAgreed(text);
  return agreed.fields.size + agreed.values.size;
}
