// Canary: the rule room-tables must report this import.
export * from '../../onnx/src/leaf.ts';
