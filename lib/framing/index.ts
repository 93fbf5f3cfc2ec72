/** Codecs that cut a stream of bytes into messages. Each is also an entry point of its own. */

// biome-ignore-all assist/source/organizeImports: documents show the codecs in this order
export * from './fixed-length.ts'
export * from './length-prefix.ts'
export * from './varint-prefix.ts'
export * from './delimiter.ts'
export * from './lines.ts'
export * from './byte-stuffing.ts'
export * from './netstring.ts'
export * from './http1.ts'
export * from './frame.ts'
