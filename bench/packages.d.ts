/** Types of the compared packages that bring none: only what the benchmark calls. */

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
