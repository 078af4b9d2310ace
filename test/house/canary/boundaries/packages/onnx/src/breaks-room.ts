// Canary: the rule room-onnx must report this import.
export * from '../../infer/src/leaf.ts';
