// Canary: the rule room-trust must report this import.
export * from '../../onnx/src/leaf.ts';
