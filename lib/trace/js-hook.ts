/**
 * Records what a program's sockets do, without a line of it in the program:
 *
 *   node --import tsx --import ./lib/trace/js-hook.ts program.ts
 *
 * Every event is one line of JSON on the file descriptor that KIT_TRACE_FD names. Events are
 * observed by wrapping `emit` and the calls on the prototypes, so that no listener is added: a
 * `data` listener, for one, would start the flow of data and change the program.
 */
import dgram from 'node:dgram'
import { writeSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { endpoint } from '../program/endpoint.ts'
import { describeBytes } from './describe.ts'
import type { TraceEvent } from './recording.ts'

const fd = Number(process.env.KIT_TRACE_FD)
const lifelineFd = Number(process.env.KIT_LIFELINE_FD)

type What = Pick<TraceEvent, 'text'> & Partial<Omit<TraceEvent, 'tNs' | 'end' | 'lane'>>

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

const peerOf = (socket: net.Socket): string =>
  socket.remoteAddress === undefined && socket.remotePort === undefined
    ? ''
    : ` ${endpoint(socket.remoteAddress, socket.remotePort)}`

const errorText = (error: NodeJS.ErrnoException): string =>
  `${error.code ?? error.message}${error.syscall ? ` in ${error.syscall}` : ''}`

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

function socketEvent(socket: net.Socket, event: string, argument: unknown): What | undefined {
  switch (event) {
    case 'connect':
      return { text: `connect${peerOf(socket)}` }
    case 'data': {
      const data = asBytes(argument, socket.readableEncoding)
      return data && { bytes: data.length, text: `data ${describeBytes(data)}` }
    }
    case 'close':
      return { text: argument === true ? 'close after an error' : 'close' }
    case 'error':
      return { text: `error ${errorText(argument as NodeJS.ErrnoException)}` }
    case 'end':
    case 'drain':
    case 'timeout':
      return { text: event }
    default:
      return undefined
  }
}

wrap(net.Socket.prototype, 'emit', (self, [event, argument]) => {
  if (!numbers.has(self)) return undefined
  const what = socketEvent(self as net.Socket, String(event), argument)
  if (what) record({ event: String(event), socket: number(self), ...what })
  return undefined
})

wrap(net.Socket.prototype, 'connect', self => {
  record({ event: 'connect()', socket: number(self), text: 'connect()' })
  return undefined
})

wrap(net.Socket.prototype, 'write', (self, [chunk, encoding]) => {
  if (!numbers.has(self)) return undefined
  const what = call('write', chunk, encoding)
  const tNs = Number(process.hrtime.bigint())
  return result =>
    record({
      ...what,
      // The time of the call: what it set off may have been recorded before it returned.
      ...({ tNs } satisfies Partial<TraceEvent>),
      socket: number(self),
      text: result === false ? `${what.text} → false` : what.text,
    })
})

wrap(net.Socket.prototype, 'end', (self, [chunk, encoding]) => {
  if (!numbers.has(self)) return undefined
  const what = call('end', chunk, encoding)
  // Node itself ends the writable side after the peer's FIN, unless allowHalfOpen is true.
  const byNode = new Error().stack?.includes('endWritableNT')
  const text = byNode ? 'end() by Node: allowHalfOpen is false' : what.text
  record({ ...what, socket: number(self), text })
  return undefined
})

for (const name of ['resetAndDestroy', 'pause', 'resume'] as const) {
  wrap(net.Socket.prototype, name, self => {
    if (!numbers.has(self) || !calledByProgram()) return undefined
    record({ event: `${name}()`, socket: number(self), text: `${name}()` })
    return undefined
  })
}
wrap(net.Socket.prototype, 'destroy', self => {
  const socket = self as net.Socket
  if (!numbers.has(self) || socket.destroyed || !calledByProgram()) return undefined
  record({ event: 'destroy()', socket: number(self), text: 'destroy()' })
  return undefined
})

/** Whether the caller of the wrapped method is a file of the reader's, not Node itself. */
function calledByProgram(): boolean {
  // 0: "Error", 1: here, 2: before, 3: replacement, 4: the caller
  const caller = new Error().stack?.split('\n')[4] ?? ''
  return !caller.includes('node:')
}

wrap(net.Server.prototype, 'emit', (self, [event, argument]) => {
  const server = self as net.Server
  if (event === 'listening') {
    const address = server.address()
    const where =
      address === null || typeof address === 'string'
        ? address
        : endpoint(address.address, address.port)
    record({ event: 'listening', text: `listening ${where}` })
  } else if (event === 'connection') {
    const socket = argument as net.Socket
    record({ event: 'connection', socket: number(socket), text: `connection${peerOf(socket)}` })
  } else if (event === 'error') {
    record({ event: 'error', text: `error ${errorText(argument as NodeJS.ErrnoException)}` })
  } else if (event === 'drop') {
    record({ event: 'drop', text: 'drop: maxConnections reached' })
  } else if (event === 'close') {
    record({ event: 'close', text: 'close of the server' })
  } else if (event === 'request') {
    const request = argument as http.IncomingMessage
    const text = `request ${request.method} ${request.url}`
    record({ event: 'request', socket: number(request.socket), text })
  }
  return undefined
})

wrap(net.Server.prototype, 'close', self => {
  if ((self as net.Server).listening) record({ event: 'close()', text: 'close() of the server' })
  return undefined
})

wrap(http.ClientRequest.prototype, 'emit', (self, [event, argument]) => {
  if (event !== 'response') return undefined
  const { statusCode, statusMessage } = argument as http.IncomingMessage
  const { socket } = self as http.ClientRequest
  const text = `response ${statusCode} ${statusMessage}`
  record({ event, ...(socket ? { socket: number(socket) } : {}), text })
  return undefined
})

wrap(dgram.Socket.prototype, 'emit', (self, [event, argument, info]) => {
  const socket = self as dgram.Socket
  if (event === 'listening') {
    const { address, port } = socket.address()
    record({ event, socket: number(self), text: `listening ${endpoint(address, port)}` })
  } else if (event === 'message') {
    const data = argument as Buffer
    const { address, port } = info as dgram.RemoteInfo
    const text = `message ${describeBytes(data)} from ${endpoint(address, port)}`
    record({ event, socket: number(self), bytes: data.length, text })
  } else if (event === 'error') {
    const text = `error ${errorText(argument as NodeJS.ErrnoException)}`
    record({ event, socket: number(self), text })
  } else if (event === 'connect' || event === 'close') {
    record({ event, socket: number(self), text: event })
  }
  return undefined
})

wrap(dgram.Socket.prototype, 'send', (self, [message]) => {
  record({ ...call('send', message), socket: number(self) })
  return undefined
})

/** The program's own output becomes part of the timeline, line by line. */
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

// The other end of this pipe is held by whoever runs the example. When it closes, that process has
// gone, however it died, and the program goes too.
if (Number.isInteger(lifelineFd)) {
  const lifeline = new net.Socket({ fd: lifelineFd, readable: true, writable: false })
  lifeline.on('error', () => process.exit(1))
  lifeline.on('close', () => process.exit(1))
  lifeline.resume()
  lifeline.unref()
}
