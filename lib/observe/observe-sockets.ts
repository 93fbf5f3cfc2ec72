/**
 * The JavaScript lane: what a program's sockets report, and what the program asks of them.
 *
 * Events are observed by wrapping `emit` and the calls on the prototypes, so that no listener is
 * added: a `data` listener, for one, would start the flow of data and change the program.
 */
import dgram from 'node:dgram'
import { writeSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { plural } from '#lib/program/plural.ts'
import { describeBytes } from '#lib/trace/describe.ts'
import type { JsEvent } from '#lib/trace/recording.ts'

let fd = -1

type What = Pick<JsEvent, 'text'> & Partial<Omit<JsEvent, 'end' | 'lane'>>

function record(what: What): void {
  const line = `${JSON.stringify({ tNs: Number(process.hrtime.bigint()), lane: 'js', ...what })}\n`
  try {
    writeSync(fd, line)
  } catch (error) {
    // The observer is gone. The program must not suffer from that.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  }
}

/** Replaces a method by one that calls `before` first, and `after` with the result. */
function wrap(
  prototype: object,
  name: string,
  before: (self: object, args: unknown[]) => ((result: unknown) => void) | undefined,
): void {
  const original = Reflect.get(prototype, name) as (...args: unknown[]) => unknown
  const replacement = function (this: object, ...args: unknown[]): unknown {
    const after = before(this, args)
    const result = original.apply(this, args)
    after?.(result)
    return result
  }
  Object.defineProperty(prototype, name, { value: replacement, configurable: true, writable: true })
}

/** Sockets that the program opened or accepted, by number. Standard streams are not among them. */
const numbers = new WeakMap<object, number>()
let sockets = 0
const number = (socket: object): number => {
  const known = numbers.get(socket)
  if (known !== undefined) return known
  numbers.set(socket, ++sockets)
  return sockets
}

/**
 * The other end, as the kernel names it now.
 *
 * Not `socket.remoteAddress`: Node remembers what that getter has returned. A program that asks
 * for it too late would get an answer only because we had asked before.
 */
function peerOf(socket: net.Socket): string {
  const handle: unknown = Reflect.get(socket, '_handle')
  const { getpeername } = (handle ?? {}) as { getpeername?: (out: object) => number }
  const out: { address?: string; port?: number } = {}
  return getpeername?.call(handle, out) === 0 ? ` ${endpoint(out.address, out.port)}` : ''
}

function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, syscall, message } = error as NodeJS.ErrnoException
  return `${code ?? message}${syscall ? ` in ${syscall}` : ''}`
}

function asBytes(chunk: unknown, encoding: unknown): Uint8Array | undefined {
  if (chunk instanceof Uint8Array) return chunk
  if (typeof chunk !== 'string') return undefined
  return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
}

/** `write(5 bytes "hello")`, or `end()` without bytes. */
function call(name: string, chunk: unknown, encoding?: unknown): What {
  const data = asBytes(chunk, encoding)
  if (!data) return { event: `${name}()`, text: `${name}()` }
  return {
    event: `${name}()`,
    bytes: data.length,
    text: `${name}(${describeBytes(data)})`,
  }
}

function dataEvent(data: unknown): What | undefined {
  if (data instanceof Uint8Array) return { bytes: data.length, text: `data ${describeBytes(data)}` }
  // After setEncoding() the bytes are gone: what is left is text.
  if (typeof data !== 'string') return undefined
  const preview = describeBytes(Buffer.from(data)).replace(/^\d+ bytes?/, '')
  return { text: `data ${plural(data.length, 'character')}${preview}` }
}

/** Where `connect()` or `listen()` is told to go: `127.0.0.1:7020`, a path, or nothing. */
function targetOf(args: readonly unknown[]): string {
  // Node hands its own calls over as one array of options and callback.
  const [first, second] = Array.isArray(args[0]) ? args[0] : args
  // Options may be an object without a prototype, which has no text.
  const isPort = /^\d+$/.test(typeof first === 'object' ? '' : String(first))
  const given = isPort ? { port: first, host: second } : { path: first }
  const options: unknown = typeof first === 'object' && first !== null ? first : given
  const { path, port, host, localAddress, localPort } = options as Record<string, unknown>
  if (typeof path === 'string') return path
  if (port === undefined) return ''
  const to = typeof host === 'string' ? endpoint(host, Number(port)) : String(port)
  if (localAddress !== undefined) return `${to} from ${localAddress}`
  return localPort === undefined ? to : `${to} from port ${localPort}`
}

function socketEvent(socket: net.Socket, event: string, argument: unknown): What | undefined {
  switch (event) {
    case 'connect':
      return { text: `connect${peerOf(socket)}` }
    case 'data':
      return dataEvent(argument)
    case 'close':
      return { text: argument === true ? 'close after an error' : 'close' }
    case 'error':
      return { text: `error ${errorText(argument)}` }
    case 'end':
    case 'drain':
    case 'timeout':
      return { text: event }
    default:
      return undefined
  }
}

/** Starts to write one line of JSON for each event on the descriptor `traceFd`. */
export function observeSockets(traceFd: number): void {
  fd = traceFd
  observeStreamSockets()
  observeServers()
  observeHttp()
  observeDatagramSockets()
  observeOutput()
}

function observeStreamSockets(): void {
  const { prototype } = net.Socket
  wrap(prototype, 'emit', (self, [event, argument]) => {
    if (!numbers.has(self)) return undefined
    const what = socketEvent(self as net.Socket, String(event), argument)
    if (what) record({ event: String(event), socket: number(self), ...what })
    if (event !== 'end') return undefined
    // After the peer's FIN Node gives the socket another write(), unless allowHalfOpen is true.
    return () => {
      if (Object.hasOwn(self, 'write')) wrap(self, 'write', beforeWrite)
    }
  })
  wrap(prototype, 'connect', (self, args) => {
    record({ event: 'connect()', socket: number(self), text: `connect(${targetOf(args)})` })
    return undefined
  })
  wrap(prototype, 'write', beforeWrite)
  wrap(prototype, 'end', (self, [chunk, encoding]) => {
    if (!numbers.has(self)) return undefined
    const what = call('end', chunk, encoding)
    // Node itself ends the writable side after the peer's FIN, unless allowHalfOpen is true.
    const byNode = new Error().stack?.includes('endWritableNT')
    const text = byNode ? 'end() by Node: allowHalfOpen is false' : what.text
    record({ ...what, socket: number(self), text })
    return undefined
  })
  for (const name of ['resetAndDestroy', 'destroy', 'pause', 'resume'] as const) {
    wrap(prototype, name, self => {
      const again = (self as net.Socket).destroyed
      if (!numbers.has(self) || again || !calledByProgram()) return undefined
      record({ event: `${name}()`, socket: number(self), text: `${name}()` })
      return undefined
    })
  }
}

function beforeWrite(self: object, [chunk, encoding]: unknown[]) {
  if (!numbers.has(self)) return undefined
  const what = call('write', chunk, encoding)
  // The time of the call: what it set off may be recorded before it returns.
  const tNs = Number(process.hrtime.bigint())
  return (result: unknown) => {
    const text = result === false ? `${what.text} → false` : what.text
    record({ ...what, tNs, socket: number(self), text })
  }
}

/** Whether the caller of the wrapped method is a file of the reader's, not Node itself. */
function calledByProgram(): boolean {
  // 0: "Error", 1: here, 2: before, 3: replacement, 4: the caller
  const caller = new Error().stack?.split('\n')[4] ?? ''
  return !caller.includes('node:')
}

function observeServers(): void {
  wrap(net.Server.prototype, 'listen', (_self, args) => {
    record({ event: 'listen()', text: `listen(${targetOf(args)})` })
    return undefined
  })
  wrap(net.Server.prototype, 'close', self => {
    if ((self as net.Server).listening) record({ event: 'close()', text: 'close() of the server' })
    return undefined
  })
  wrap(net.Server.prototype, 'emit', (self, [event, argument]) => {
    const what = serverEvent(self as net.Server, event, argument)
    if (what) record({ event: String(event), ...what })
    return undefined
  })
}

function serverEvent(server: net.Server, event: unknown, argument: unknown): What | undefined {
  switch (event) {
    case 'listening': {
      const at = server.address()
      const where = at === null || typeof at === 'string' ? at : endpoint(at.address, at.port)
      return { text: `listening ${where}` }
    }
    case 'connection': {
      const socket = argument as net.Socket
      return { socket: number(socket), text: `connection${peerOf(socket)}` }
    }
    case 'request': {
      const { socket, method, url } = argument as http.IncomingMessage
      return { socket: number(socket), text: `request ${method} ${url}` }
    }
    case 'error':
      return { text: `error ${errorText(argument)}` }
    case 'drop':
      return { text: 'drop: maxConnections reached' }
    case 'close':
      return { text: 'close of the server' }
    default:
      return undefined
  }
}

function observeHttp(): void {
  wrap(http.ClientRequest.prototype, 'emit', (self, [event, argument]) => {
    if (event !== 'response') return undefined
    const { statusCode, statusMessage } = argument as http.IncomingMessage
    const { socket } = self as http.ClientRequest
    const text = `response ${statusCode} ${statusMessage}`
    record({ event, ...(socket ? { socket: number(socket) } : {}), text })
    return undefined
  })
}

function observeDatagramSockets(): void {
  wrap(dgram.Socket.prototype, 'emit', (self, [event, argument, info]) => {
    const socket = self as dgram.Socket
    if (event === 'listening') {
      const { address, port } = socket.address()
      const text = `listening ${endpoint(address, port)}`
      record({ event, socket: number(self), transport: 'udp', text })
    } else if (event === 'message') {
      const data = argument as Buffer
      const { address, port } = info as dgram.RemoteInfo
      const text = `message ${describeBytes(data)} from ${endpoint(address, port)}`
      record({ event, socket: number(self), bytes: data.length, text })
    } else if (event === 'error') {
      record({ event, socket: number(self), text: `error ${errorText(argument)}` })
    } else if (event === 'connect') {
      const { address, port } = socket.remoteAddress()
      const text = `connect ${endpoint(address, port)}`
      record({ event, socket: number(self), transport: 'udp', text })
    } else if (event === 'close') {
      record({ event, socket: number(self), transport: 'udp', text: event })
    }
    return undefined
  })
  wrap(dgram.Socket.prototype, 'send', (self, args) => {
    // Node calls send() once more when it had to bind the socket first.
    if (calledByProgram()) record({ ...sendCall(args), socket: number(self) })
    return undefined
  })
}

/** `send(msg[, offset, length][, port][, address][, callback])` */
function sendCall([message, ...rest]: unknown[]): What {
  const parts = (Array.isArray(message) ? message : [message]).map(part => asBytes(part, 'utf8'))
  const whole = Buffer.concat(parts.filter(part => part !== undefined))
  const [offset, length] = rest
  const cut = typeof offset === 'number' && typeof length === 'number'
  const data = cut ? whole.subarray(offset, offset + length) : whole
  const [port, address] = cut ? rest.slice(2) : rest
  const host = typeof address === 'string' ? address : '127.0.0.1'
  const to = typeof port === 'number' ? ` to ${endpoint(host, port)}` : ''
  const text = `send(${describeBytes(data)}${to})`
  return { event: 'send()', bytes: data.length, text }
}

/** The program's own output becomes part of the timeline, line by line. */
function observeOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    let rest = ''
    const decoder = new TextDecoder()
    wrap(stream, 'write', (_self, [chunk, encoding]) => {
      rest += decoder.decode(asBytes(chunk, encoding), { stream: true })
      const lines = rest.split('\n')
      rest = lines.pop() ?? ''
      for (const text of lines) record({ event: 'print', text })
      return undefined
    })
    process.on('exit', () => {
      if (rest !== '') record({ event: 'print', text: rest })
    })
  }
}
