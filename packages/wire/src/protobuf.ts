// Owns how protobuf code is loaded: 64-bit integers are numbers, never Long objects. Must be imported before generated code.
import protobuf from 'protobufjs/minimal.js';

// protobufjs uses the package `long` whenever it lies anywhere in node_modules; numbers are faster, and readers refuse > 2^53.
Object.assign(protobuf.util, { Long: null });
protobuf.configure();
