/**
 * Types of the packages in bench/package.json: only what the benchmark calls. They are here because
 * the kit is type-checked whether or not those packages are installed.
 */

declare module 'tinybench' {
  export class Bench {
    constructor(options: { time: number; iterations: number; warmup: boolean; throws: boolean })
    add(name: string, run: () => unknown): this
    run(): Promise<
      { result: { state: 'completed'; latency: { mean: number } } | { state: 'errored' } }[]
    >
  }
}

declare module 'frame-stream' {
  import type { Transform } from 'node:stream'
  export function decode(options?: object): Transform
  export function encode(options?: object): Transform
}

declare module 'it-length-prefixed' {
  interface ByteList {
    byteLength: number
    subarray(): Uint8Array
  }
  interface DecoderOptions {
    lengthDecoder?: {
      (bytes: { byteLength: number; getUint32(at: number): number }): number
      bytes: number
    }
    maxDataLength?: number
  }
  interface EncoderOptions {
    lengthEncoder?: { (length: number): Uint8Array; bytes: number }
  }
  export function decode(
    source: AsyncIterable<Uint8Array>,
    options?: DecoderOptions,
  ): AsyncIterable<ByteList>
  export function decode(source: Iterable<Uint8Array>, options?: DecoderOptions): Iterable<ByteList>
  export const encode: { single(message: Uint8Array, options?: EncoderOptions): ByteList }
}

declare module '@serialport/parser-slip-encoder' {
  import type { Transform, TransformOptions } from 'node:stream'
  export const SlipDecoder: new (options?: TransformOptions) => Transform
}

declare module 'http-parser-js' {
  export class HTTPParser {
    static readonly RESPONSE: number
    static readonly kOnExecute: number
    constructor(type: number)
  }
}

declare module 'framed-stream' {
  import type { EventEmitter } from 'node:events'
  export default class FramedStream extends EventEmitter {
    constructor(rawStream: unknown, options?: { bits?: number })
    write(frame: Uint8Array): boolean
  }
}

declare module 'length-prefix-framed-stream' {
  import type { Transform, TransformOptions } from 'node:stream'
  export const Decode: new (options?: TransformOptions) => Transform
  export const Encode: new (options?: TransformOptions) => Transform
}

declare module 'length-prefixed-stream' {
  import type { Transform } from 'node:stream'

  const streams: {
    decode(options?: { limit?: number; allowEmpty?: boolean }): Transform
    encode(): Transform
  }
  export default streams
}

declare module 'split2' {
  import type { Transform, TransformOptions } from 'node:stream'
  export default function split(matcher?: string | RegExp, options?: TransformOptions): Transform
}

declare module 'byline' {
  import type { Transform, TransformOptions } from 'node:stream'

  const byline: {
    LineStream: new (
      options?: TransformOptions & { keepEmptyLines?: boolean },
    ) => Transform & { encoding?: string }
  }
  export default byline
}

declare module 'binary-split' {
  import type { Transform } from 'node:stream'
  export default function binarySplit(splitOn?: string): Transform
}

declare module 'slip' {
  const slip: {
    encode(data: Uint8Array, options?: { bufferPadding?: number }): Uint8Array
    Decoder: new (options: {
      onMessage: (frame: Uint8Array) => void
      onError?: (bytes: Uint8Array, message: string) => void
      bufferSize?: number
      maxMessageSize?: number
    }) => { decode(chunk: Uint8Array): void }
  }
  export default slip
}

declare module 'node:_http_common' {
  /** Node's JavaScript binding of llhttp. Not documented; `node:http` is built on it. */
  export class HTTPParser {
    static readonly REQUEST: number
    static readonly RESPONSE: number
    static readonly kOnHeaders: number
    static readonly kOnHeadersComplete: number
    static readonly kOnBody: number
    static readonly kOnMessageComplete: number
    initialize(type: number, resource: object, maxHeaderBytes?: number, lenient?: number): void
    execute(chunk: Uint8Array): number | Error
    [callback: number]: unknown
  }
}

declare module 'ws' {
  import type { EventEmitter } from 'node:events'
  import type { Server } from 'node:http'

  interface WebSocket extends EventEmitter {
    send(message: Uint8Array): void
    terminate(): void
  }
  export class WebSocketServer extends EventEmitter {
    constructor(options: { server: Server; perMessageDeflate: boolean })
    on(event: 'connection', listener: (socket: WebSocket) => void): this
  }
}
