/**
 * HTTP keep-alive: a server on plain sockets that keeps connections, and one of `node:http` beside.
 *
 *   npm run 05:http-keepalive:server     in one terminal
 *   npm run 05:http-keepalive:client     in another; or curl -v 127.0.0.1:7053
 */
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { FrameError } from '#lib/framing/frame.ts'
import { type Http1Request, http1Request, http1Response } from '#lib/framing/http1.ts'
import { readFrames } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 05:http-keepalive:server'
const options = readOptions({
  command,
  does: 'Answers HTTP requests, many on one connection; on a second port node:http does the same.',
  flags: {
    host,
    port: port(7053),
    'idle-ms': { default: 300, min: 1, max: 600_000, help: 'closes connections idle for so long' },
  },
})
const idleMs = options['idle-ms']

// #region server
const requests = http1Request()
const responses = http1Response()

/** Whether the connection goes on: RFC 9112 section 9.3. */
function persists({ version, headers }: Http1Request): boolean {
  const words = (headers.get('connection') ?? '').toLowerCase().split(/[\s,]+/)
  if (words.includes('close')) return false
  return version === '1.1' || words.includes('keep-alive')
}

const server = createServer({ allowHalfOpen: true }, async socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  let served = 0
  socket.setTimeout(idleMs, () => socket.destroy())
  socket.on('error', (error: SocketError) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => console.log(`closed ${peer} ${plural(served, 'request')}`))
  try {
    for await (const request of readFrames<Http1Request>(socket, requests)) {
      const kept = persists(request)
      const body = Buffer.from(`request ${++served} of ${peer}, node:http at port ${nodePort()}\n`)
      const headers = { Connection: kept ? 'keep-alive' : 'close' }
      // The length tells the client where this answer ends, and that another may follow.
      const answer = responses.encode({ status: 200, reason: 'OK', headers, body })
      if (!socket.write(answer)) await once(socket, 'drain')
      if (!kept) break
    }
    socket.end()
  } catch (error) {
    if (!(error instanceof FrameError)) return // the connection itself broke
    console.error(`error ${peer} ${error.code}`)
    socket.end(responses.encode({ status: 400, headers: { Connection: 'close' } }))
  }
  socket.resume() // what comes after the end is not for us; its FIN is
  setTimeout(() => socket.destroy(), idleMs).unref() // a client that drips is never idle
})
// #endregion server

// #region node-http
const beside = createHttpServer({ keepAliveTimeout: idleMs }, (_request, response) => {
  // Node adds a length by itself, but keeps an HTTP/1.0 connection only for one that we have set.
  response.setHeader('Content-Length', 6)
  response.end('hello\n')
})
// #endregion node-http
const nodePort = () => (beside.address() as AddressInfo).port

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  beside.listen(0, address, () => {
    console.log(`listening ${endpoint(address, port)}`)
    console.log(`beside ${endpoint(address, nodePort())} node:http ${process.version}`)
    console.log(`defaults ${defaults()}`)
  })
})

/** Of this Node: they differ from version to version. */
function defaults(): string {
  // Node 20 has the buffer, but not as a property.
  const fresh: Partial<typeof beside> & { keepAliveTimeoutBuffer?: number } = createHttpServer()
  const { keepAliveTimeout, keepAliveTimeoutBuffer = '(no such property)' } = fresh
  return `keepAliveTimeout ${keepAliveTimeout}, keepAliveTimeoutBuffer ${keepAliveTimeoutBuffer}`
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
