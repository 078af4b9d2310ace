// Visits every node and tensor of a model, in subgraphs, local functions and training graphs too, and refuses the
// first that may not be there. It looks at no values.
import { accept, type Refusal, type Result, refuse } from '@drover/core/reasons';
import type { onnx } from './gen/onnx.js';
import { AI_ONNX_DOMAIN, OPERATOR_DOMAINS, spellDomain } from './operators.ts';
import type { OnnxModel } from './read.ts';
import { measureSparse, measureTensor, quoteName } from './tensor-size.ts';

type Graph = onnx.GraphProto.$Properties;
type Node = onnx.NodeProto.$Properties;
type Attribute = onnx.AttributeProto.$Properties;
type LocalFunction = onnx.FunctionProto.$Properties;

export interface WalkLimits {
  readonly maxElements: number;
  readonly maxNodes: number;
  readonly allowMicrosoft: boolean;
}

export interface WalkResult {
  readonly operators: ReadonlySet<string>;
  readonly parameterBytes: number;
}

/** One scope's operator sets, and what it calls: a function's imports are its own. */
interface Scope {
  readonly domains: ReadonlySet<string>;
  nodes: number;
  readonly calls: Map<string, number>;
}

interface Walk {
  readonly limits: WalkLimits;
  readonly functions: ReadonlyMap<string, LocalFunction>;
  readonly operators: Set<string>;
  parameterBytes: number;
}

const keyOf = (
  domain: string | null | undefined,
  name: string | null | undefined,
  overload: string | null | undefined,
) => JSON.stringify([spellDomain(domain), name ?? '', overload ?? '']);

const openScope = (imports: readonly onnx.OperatorSetIdProto.$Properties[]): Scope => ({
  domains: new Set(imports.map(({ domain }) => spellDomain(domain))),
  nodes: 0,
  calls: new Map(),
});

function addBytes(walk: Walk, measured: Result<number>): Refusal | undefined {
  if (!measured.ok) return measured;
  walk.parameterBytes += measured.value;
  return undefined;
}

/** The first refusal that `visit` gives. */
function visitAll<T>(
  items: readonly T[] | null | undefined,
  visit: (item: T) => Refusal | undefined,
): Refusal | undefined {
  for (const item of items ?? []) {
    const refusal = visit(item);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function visitOperator(walk: Walk, scope: Scope, node: Node): Refusal | undefined {
  const domain = spellDomain(node.domain);
  const name = node.op_type ?? '';
  const what = `Node ${quoteName(node.name || node.output?.[0])} is ${quoteName(`${domain}.${name}`)}.`;
  const known = OPERATOR_DOMAINS.get(domain);
  if (known === undefined || (known.optional && !walk.limits.allowMicrosoft)) {
    const key = keyOf(domain, name, node.overload);
    if (!walk.functions.has(key)) return refuse('onnx_unknown_domain', what);
    scope.calls.set(key, (scope.calls.get(key) ?? 0) + 1);
    return undefined;
  }
  if (!known.operators.has(name)) return refuse('onnx_unknown_operator', what);
  if (!scope.domains.has(domain)) return refuse('onnx_unsupported_opset', `${what} No version of it is named.`);
  walk.operators.add(domain === AI_ONNX_DOMAIN ? name : `${domain}.${name}`);
  return undefined;
}

function visitAttribute(walk: Walk, scope: Scope, attribute: Attribute): Refusal | undefined {
  const { maxElements } = walk.limits;
  const tensors = attribute.t ? [attribute.t, ...(attribute.tensors ?? [])] : attribute.tensors;
  const sparse = attribute.sparse_tensor
    ? [attribute.sparse_tensor, ...(attribute.sparse_tensors ?? [])]
    : attribute.sparse_tensors;
  const graphs = attribute.g ? [attribute.g, ...(attribute.graphs ?? [])] : attribute.graphs;
  return (
    visitAll(tensors, (tensor) => addBytes(walk, measureTensor(tensor, maxElements))) ??
    visitAll(sparse, (tensor) => addBytes(walk, measureSparse(tensor, maxElements))) ??
    visitAll(graphs, (graph) => visitGraph(walk, scope, graph))
  );
}

function visitNode(walk: Walk, scope: Scope, node: Node): Refusal | undefined {
  scope.nodes += 1;
  return (
    visitOperator(walk, scope, node) ?? visitAll(node.attribute, (attribute) => visitAttribute(walk, scope, attribute))
  );
}

function visitGraph(walk: Walk, scope: Scope, graph: Graph): Refusal | undefined {
  const { maxElements } = walk.limits;
  return (
    visitAll(graph.initializer, (tensor) => addBytes(walk, measureTensor(tensor, maxElements))) ??
    visitAll(graph.sparse_initializer, (tensor) => addBytes(walk, measureSparse(tensor, maxElements))) ??
    visitAll(graph.node, (node) => visitNode(walk, scope, node))
  );
}

/** Functions that stand for a known operator, or twice for one name, would mean different things to two readers. */
function listFunctions(model: OnnxModel): Result<Map<string, LocalFunction>> {
  const functions = new Map<string, LocalFunction>();
  for (const each of model.functions ?? []) {
    const key = keyOf(each.domain, each.name, each.overload);
    if (OPERATOR_DOMAINS.has(spellDomain(each.domain)) || functions.has(key)) {
      return refuse('onnx_unknown_operator', `The local function ${quoteName(each.name)} takes the name of another.`);
    }
    functions.set(key, each);
  }
  return accept(functions);
}

/**
 * Operators after every call is replaced by the function's body. Calls in a ring, and doubling chains of calls, would
 * make the runtime run out of memory while it does that.
 */
function countExpanded(root: Scope, bodies: ReadonlyMap<string, Scope>, maxNodes: number): Refusal | undefined {
  const sizes = new Map<string, number>();
  const open = new Set<string>();
  const sizeOf = (scope: Scope): number => {
    let total = scope.nodes;
    for (const [key, times] of scope.calls) total += times * sizeOfFunction(key);
    return total;
  };
  const sizeOfFunction = (key: string): number => {
    const known = sizes.get(key);
    if (known !== undefined) return known;
    const body = bodies.get(key);
    // A chain this long is no export of anything; without the bound the walk itself could run out of stack.
    if (body === undefined || open.has(key) || open.size > 500) return Number.POSITIVE_INFINITY;
    open.add(key);
    const size = sizeOf(body);
    open.delete(key);
    sizes.set(key, size);
    return size;
  };
  const expanded = sizeOf(root);
  if (expanded <= maxNodes) return undefined;
  return refuse('onnx_too_large', `Its functions expand to more than ${maxNodes} operators, or call each other.`);
}

/** Accepts a model whose every node and tensor may be there, and says which operators it uses and how large they are. */
export function walkModel(model: OnnxModel, limits: WalkLimits): Result<WalkResult> {
  const functions = listFunctions(model);
  if (!functions.ok) return functions;
  const walk: Walk = { limits, functions: functions.value, operators: new Set(), parameterBytes: 0 };
  const root = openScope(model.opset_import ?? []);
  const graphs = [
    model.graph,
    ...(model.training_info ?? []).flatMap(({ initialization, algorithm }) => [initialization, algorithm]),
  ];
  let refusal = visitAll(graphs, (graph) => (graph ? visitGraph(walk, root, graph) : undefined));
  if (refusal) return refusal;
  const bodies = new Map<string, Scope>();
  for (const [key, each] of functions.value) {
    const scope = openScope(each.opset_import ?? []);
    bodies.set(key, scope);
    refusal =
      visitAll(each.node, (node) => visitNode(walk, scope, node)) ??
      visitAll(each.attribute_proto, (attribute) => visitAttribute(walk, scope, attribute));
    if (refusal) return refusal;
  }
  refusal = countExpanded(root, bodies, limits.maxNodes);
  return refusal ?? accept({ operators: walk.operators, parameterBytes: walk.parameterBytes });
}
