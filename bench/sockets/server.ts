/**
 * One server in a process of its own: `server.ts <kind> <bytes>`.
 *
 * It prints `listening <port>`. For each line on stdin it collects garbage, if it may, and prints
 * `collected`. When stdin ends, so does the process: also when the program that started it is gone.
 */

import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { FrameCodec } from '../../lib/framing/frame.ts'
import { randomText } from '../input.ts'

/** How many connections may wait for accept(): more than come at once in any measurement. */
const backlog = 2048

type Serve = (bytes: number) => Promise<Server>

function server(serve: (socket: Socket) => void): Server {
  return createServer({ noDelay: true }, socket => {
    socket.on('error', () => socket.destroy()) // the measuring client ends connections with RST
    serve(socket)
  })
}

const raw: Serve = async () =>
  server(socket => {
    socket.on('data', chunk => {
      if (socket.write(chunk)) return
      socket.pause()
      socket.once('drain', () => socket.resume())
    })
  })

const pipe: Serve = async () => server(socket => socket.pipe(socket))

/** The fast echo server that the documents show: all frames in that have come, all of them out. */
async function framedEcho<Frame>(codec: FrameCodec<Frame>): Promise<Server> {
  const { framed } = await import('../../lib/framing/stream.ts')
  const echo = async (socket: Socket): Promise<void> => {
    const peer = framed(socket, codec)
    await peer.frames.forEachBatch(frames => peer.sendAll(frames))
    await peer.end()
  }
  return server(socket => {
    echo(socket).catch(() => socket.destroy())
  })
}

/** The step below: the frames of a chunk are written into one slab, which goes out at once. */
const byHand: Serve = async () => {
  const { lengthPrefix } = await import('../../lib/framing/length-prefix.ts')
  const codec = lengthPrefix()
  return server(socket => {
    const decoder = codec.decoder()
    socket.on('data', chunk => {
      decoder.push(chunk)
      let slab = Buffer.allocUnsafe(chunk.length)
      let used = 0
      let wants = true
      for (let frame = decoder.read(); frame !== null; frame = decoder.read()) {
        let end = codec.encodeInto(frame, slab, used)
        if (end === -1) {
          if (used > 0) wants = socket.write(slab.subarray(0, used))
          slab = Buffer.allocUnsafe(Math.max(chunk.length, frame.length + 4))
          end = codec.encodeInto(frame, slab, 0)
        }
        used = end
      }
      if (used > 0) wants = socket.write(slab.subarray(0, used))
      if (wants) return
      socket.pause()
      socket.once('drain', () => socket.resume())
    })
  })
}

const http1: Serve = async bytes => {
  const { http1Request, http1Response } = await import('../../lib/framing/http1.ts')
  const requests = http1Request()
  const responses = http1Response()
  const body = randomText(bytes)
  const headers = [['Content-Type', 'text/plain']] as const
  return server(socket => {
    const decoder = requests.decoder()
    socket.on('data', chunk => {
      decoder.push(chunk)
      let wants = true
      socket.cork()
      while (decoder.next()) {
        const known = decoder.target === `/${bytes}`
        const answer = known ? { status: 200, headers, body } : { status: 404 }
        wants = socket.write(responses.encode(answer))
      }
      socket.uncork()
      if (wants) return
      socket.pause()
      socket.once('drain', () => socket.resume())
    })
  })
}

const nodeHttp: Serve = async bytes => {
  const { createServer: create } = await import('node:http')
  const body = randomText(bytes)
  const listener = create((request, response) => {
    response.sendDate = false // no two answers would be alike
    const known = request.url === `/${bytes}`
    const fields = { 'Content-Type': 'text/plain', 'Content-Length': known ? bytes : 0 }
    response.writeHead(known ? 200 : 404, fields).end(known ? body : undefined)
  })
  listener.keepAliveTimeout = 0 // else it would close the idle connections that are counted
  return listener
}

const webSocket: Serve = async () => {
  const { createServer: create } = await import('node:http')
  const { WebSocketServer } = await import('ws')
  const listener = create()
  new WebSocketServer({ server: listener, perMessageDeflate: false }).on('connection', socket => {
    socket.on('error', () => socket.terminate())
    socket.on('message', (message: Buffer) => socket.send(message))
  })
  return listener
}

const servers: Record<string, Serve> = {
  raw,
  pipe,
  'by-hand': byHand,
  http1,
  'node-http': nodeHttp,
  ws: webSocket,
  async 'fixed-length'(bytes) {
    const { fixedLength } = await import('../../lib/framing/fixed-length.ts')
    return framedEcho(fixedLength({ frameBytes: bytes }))
  },
  async 'length-prefix'() {
    const { lengthPrefix } = await import('../../lib/framing/length-prefix.ts')
    return framedEcho(lengthPrefix())
  },
  async 'varint-prefix'() {
    const { varintPrefix } = await import('../../lib/framing/varint-prefix.ts')
    return framedEcho(varintPrefix())
  },
  async delimiter() {
    const { delimiter } = await import('../../lib/framing/delimiter.ts')
    return framedEcho(delimiter({ delimiter: Buffer.from('\n') }))
  },
  async lines() {
    const { lines } = await import('../../lib/framing/lines.ts')
    return framedEcho(lines())
  },
  async 'byte-stuffing'() {
    const { byteStuffing } = await import('../../lib/framing/byte-stuffing.ts')
    return framedEcho(byteStuffing())
  },
  async netstring() {
    const { netstring } = await import('../../lib/framing/netstring.ts')
    return framedEcho(netstring())
  },
}

const [id = '', bytes = ''] = process.argv.slice(2)
const serve = servers[id]
if (serve === undefined) throw new Error(`no server '${id}'`)
const listener = await serve(Number(bytes))
await once(listener.listen({ port: 0, host: '127.0.0.1', backlog }), 'listening')
console.log(`listening ${(listener.address() as { port: number }).port}`)

const input = createInterface({ input: process.stdin })
input.on('line', () => {
  for (let i = 0; i < 3; i++) globalThis.gc?.()
  console.log('collected')
})
input.once('close', () => process.exit())
