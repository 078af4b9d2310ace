// Canary: the rule room-sim must report this import.
export * from '../../onnx/src/leaf.ts';
