/**
 * Pipelining: begins each request when it comes, and answers in the order in which they came.
 *
 *   npm run 05:pipelining:server     in one terminal
 *   npm run 05:pipelining:client     in another
 */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { FrameError } from '#lib/framing/frame.ts'
import { type Http1Request, http1Request, http1Response } from '#lib/framing/http1.ts'
import { readFrames } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const command = 'npm run 05:pipelining:server'
const options = readOptions({
  command,
  does: 'Answers /slow after a while and all else at once, in the order of the requests.',
  flags: {
    host,
    port: port(7054),
    'slow-ms': { default: 300, min: 0, max: 60_000, help: 'how long /slow takes' },
    'idle-ms': { default: 5000, min: 1, max: 600_000, help: 'closes connections idle for so long' },
  },
})

// #region server
const MOST_UNANSWERED = 16
const responses = http1Response()

const server = createServer({ allowHalfOpen: true }, async socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  const startMs = performance.now()
  const since = () => Math.round(performance.now() - startMs)
  socket.setTimeout(options['idle-ms'], () => socket.destroy())
  socket.on('error', (error: SocketError) => console.error(`error ${peer} ${error.code}`))

  const handle = async ({ target, keepAlive }: Http1Request): Promise<Uint8Array> => {
    if (target === '/slow') await delay(options['slow-ms'])
    console.log(`handled ${peer} ${target} ${since()} ms`)
    const headers = { Connection: keepAlive ? 'keep-alive' : 'close' }
    return responses.encode({ status: 200, headers, body: Buffer.from(`${since()}`) })
  }
  const answer = async (before: Promise<void>, handling: Promise<Uint8Array>) => {
    await before // HTTP/1.1 has no number by which a client could tell answers apart: only order
    const response = await handling
    if (!socket.destroyed && !socket.write(response)) await once(socket, 'drain')
  }
  const turns: Promise<void>[] = []
  try {
    for await (const request of readFrames<Http1Request>(socket, http1Request())) {
      const turn = answer(turns.at(-1) ?? Promise.resolve(), handle(request))
      turn.catch(() => {}) // a peer that has gone: the loop hears of it
      turns.push(turn)
      // Who sends without reading would fill our memory: stop reading until one is answered.
      if (turns.length >= MOST_UNANSWERED) await turns.shift()
      if (!request.keepAlive) break
    }
    await turns.at(-1)
    socket.end()
  } catch (error) {
    if (!(error instanceof FrameError)) return // the connection itself broke
    console.error(`error ${peer} ${error.code}`)
    await turns.at(-1)?.catch(() => {})
    socket.end(responses.encode({ status: 400, headers: { Connection: 'close' } }))
  }
  socket.resume()
  setTimeout(() => socket.destroy(), options['idle-ms']).unref() // its FIN may never come
})

const delay = (ms: number) => new Promise(resolve => setTimeout(resolve, ms).unref())
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
