/** Runs the HTTP/1.1 corpus: through our decoders, and through Node's own server and client. */
import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { FrameError } from '#lib/framing/frame.ts'
import {
  type Http1Decoder,
  type Http1Message,
  type Http1Request,
  type Http1Response,
  http1Request,
  http1Response,
} from '#lib/framing/http1.ts'
import type { CorpusEntry } from './http1-corpus.ts'

/** How a decoder is driven: one way of using it for each. */
export type Mode = 'read' | 'next' | 'late' | 'reuse'

export interface OurVerdict extends Verdict {
  message: string | null
  /** Where in the stream it was refused, and the status that a server answers. */
  offset: number | null
  status: number | undefined
  /** The fields and trailers of each frame. */
  fields: string[]
}

export interface Verdict {
  /** The complete messages, as in `CorpusEntry.frames`. */
  frames: string[]
  /** Why the stream was refused; `null` when it was read to its end. */
  error: string | null
}

/** What our decoder makes of a request stream, or of the answers to `entry.method`. */
export function ourVerdict(
  side: 'request' | 'response',
  chunks: Uint8Array[],
  method = 'GET',
  mode: Mode = 'read',
): OurVerdict {
  if (side === 'request') return drive(http1Request().decoder(), chunks, requestText, mode)
  const decoder = http1Response().decoder()
  decoder.expect(method)
  return drive(decoder, chunks, responseText, mode)
}

function drive<Frame extends Http1Message>(
  decoder: Http1Decoder<Frame>,
  chunks: Uint8Array[],
  asText: (frame: Frame) => string,
  mode: Mode,
): OurVerdict {
  const frames: string[] = []
  const fields: string[] = []
  const drain = () => {
    for (;;) {
      const frame = mode === 'next' ? (decoder.next() ? decoder.frame() : null) : decoder.read()
      if (frame === null) return
      frames.push(asText(frame))
      fields.push(JSON.stringify([frame.headers, frame.trailers]))
    }
  }
  try {
    for (const chunk of chunks) {
      // A chunk is the caller's again once read() has returned null.
      const bytes = mode === 'reuse' ? Uint8Array.from(chunk) : chunk
      decoder.push(bytes)
      if (mode !== 'late') drain()
      if (mode === 'reuse') bytes.fill(0xee)
    }
    if (mode !== 'late') decoder.end()
    else {
      drain()
      decoder.end()
    }
    drain()
  } catch (error) {
    if (!(error instanceof FrameError)) throw error
    const { code, message, offset, status } = error
    return { frames, fields, error: code, message, offset, status }
  }
  return { frames, fields, error: null, message: null, offset: null, status: undefined }
}

export function requestText(frame: Http1Request): string {
  return `${frame.method} ${frame.target} HTTP/${frame.version} "${latin1(frame.body)}"`
}

export function responseText(frame: Http1Response): string {
  return `${frame.status} ${frame.reason} "${latin1(frame.body)}"`
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

/** Node's HTTP server on loopback, with its default settings. */
export class NodeServer {
  readonly #verdicts = new Map<net.Socket, Verdict>()
  readonly #server = http.createServer()

  constructor() {
    const server = this.#server
    server.on('connection', socket => this.#verdicts.set(socket, { frames: [], error: null }))
    const answer = (request: http.IncomingMessage, response: http.ServerResponse) => {
      const body: Buffer[] = []
      request.on('error', () => {})
      request.on('data', data => body.push(data))
      request.on('end', () => {
        const { method, url, httpVersion } = request
        const text = `${method} ${url} HTTP/${httpVersion} "${latin1(Buffer.concat(body))}"`
        this.#verdicts.get(request.socket)?.frames.push(text)
        response.end()
      })
    }
    server.on('request', answer)
    server.on('checkExpectation', answer)
    server.on('connect', (request, socket: net.Socket) => {
      this.#verdicts.get(socket)?.frames.push(`CONNECT ${request.url} HTTP/1.1 ""`)
      socket.on('error', () => {})
      socket.end()
    })
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const verdict = this.#verdicts.get(socket as net.Socket)
      if (verdict !== undefined) verdict.error ??= error.code ?? error.message
      socket.destroy()
    })
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  /** Sends the bytes and FIN on a connection of their own; says what the server made of them. */
  async verdict(entry: CorpusEntry): Promise<Verdict> {
    const { port } = this.#server.address() as AddressInfo
    const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const [socket] = (await once(this.#server, 'connection')) as [net.Socket]
    const closed = once(socket, 'close')
    let answers = ''
    client.setEncoding('latin1').on('data', data => {
      answers += data
    })
    client.on('error', () => {})
    const clientClosed = once(client, 'close')
    client.end(Buffer.from(entry.bytes, 'latin1'))
    await Promise.all([closed, clientClosed])
    const verdict = this.#verdicts.get(socket)!
    this.#verdicts.delete(socket)
    // Without Host Node answers 400 and emits no event.
    if (/HTTP\/1\.1 400 /.test(answers)) verdict.error ??= '400 Bad Request'
    return verdict
  }
}

/** What Node's HTTP client, with default settings, makes of the answer to one request. */
export async function nodeClientVerdict(entry: CorpusEntry): Promise<Verdict> {
  const server = net.createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(Buffer.from(entry.bytes, 'latin1')))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const verdict: Verdict = { frames: [], error: null }
  await new Promise<void>(resolve => {
    const path = entry.method === 'CONNECT' ? 'a:443' : '/'
    const agent = new http.Agent({ keepAlive: true })
    const options = { port, host: '127.0.0.1', method: entry.method ?? 'GET', path, agent }
    const request = http.request(options)
    const done = () => {
      agent.destroy()
      resolve()
    }
    const add = (response: http.IncomingMessage, body: Buffer[]) =>
      verdict.frames.push(
        `${response.statusCode} ${response.statusMessage} "${latin1(Buffer.concat(body))}"`,
      )
    const failed = (error: NodeJS.ErrnoException) => {
      verdict.error ??= error.code ?? error.message
      done()
    }
    request.on('error', failed)
    request.on('information', info => {
      // 'continue' comes with an 'information' of its own.
      verdict.frames.push(`${info.statusCode} ${info.statusMessage} ""`)
    })
    const switched = (response: http.IncomingMessage, socket: net.Socket) => {
      add(response, [])
      socket.destroy()
      done()
    }
    request.on('upgrade', switched)
    request.on('connect', switched)
    request.on('response', response => {
      const body: Buffer[] = []
      response.on('error', failed)
      response.on('data', data => body.push(data))
      response.on('end', () => {
        if (response.complete) add(response, body)
        else verdict.error ??= 'incomplete'
        done()
      })
    })
    request.end()
  })
  server.close()
  await once(server, 'close')
  return verdict
}
