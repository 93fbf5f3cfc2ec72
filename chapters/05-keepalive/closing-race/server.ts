/**
 * The closing race: a server that closes idle connections, and says so beforehand only if asked.
 *
 *   npm run 05:closing-race:server     in one terminal
 *   npm run 05:closing-race:client     in another
 */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { FrameError } from '#lib/framing/frame.ts'
import { type Http1Request, http1Request, http1Response } from '#lib/framing/http1.ts'
import { readFrames } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 05:closing-race:server'
const options = readOptions({
  command,
  does: 'Answers HTTP requests, and closes connections that are idle for a second.',
  flags: {
    host,
    port: port(7055),
    'idle-s': { default: 1, min: 1, max: 600, help: 'closes connections idle for so many seconds' },
  },
})

// #region server
const idleMs = options['idle-s'] * 1000
const hint = { 'Keep-Alive': `timeout=${options['idle-s']}` }
const responses = http1Response()

const server = createServer({ allowHalfOpen: true }, async socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  let served = 0
  // A request may be on its way at this moment. It will be answered by a RST.
  socket.setTimeout(idleMs, () => socket.destroy())
  socket.on('error', (error: SocketError) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => console.log(`closed ${peer} ${plural(served, 'request')}`))
  try {
    for await (const { target, keepAlive } of readFrames<Http1Request>(socket, http1Request())) {
      served++
      const connection = { Connection: keepAlive ? 'keep-alive' : 'close' }
      const headers = target === '/hint' ? { ...connection, ...hint } : connection
      const answer = responses.encode({ status: 200, headers, body: Buffer.from('ok\n') })
      if (!socket.write(answer)) await once(socket, 'drain')
      if (!keepAlive) break
    }
    socket.end()
  } catch (error) {
    if (!(error instanceof FrameError)) return // the connection itself broke
    console.error(`error ${peer} ${error.code}`)
    socket.end(responses.encode({ status: 400, headers: { Connection: 'close' } }))
  }
  socket.resume()
  setTimeout(() => socket.destroy(), idleMs).unref() // its FIN may never come
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
