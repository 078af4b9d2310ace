// Canary: the rule onnxruntime-in-infer must report this import.
export * from 'onnxruntime-node';
