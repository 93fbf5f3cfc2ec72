/** Codecs that cut a stream of bytes into messages. Each is also an entry point of its own. */
export * from './byte-stuffing.ts'
export * from './delimiter.ts'
export * from './fixed-length.ts'
export {
  type ByteFrameCodec,
  type ByteFrameDecoder,
  type FrameCodec,
  type FrameDecoder,
  FrameError,
  type FrameErrorCode,
} from './frame.ts'
export * from './http1.ts'
export * from './length-prefix.ts'
export * from './lines.ts'
export * from './netstring.ts'
export * from './varint-prefix.ts'
