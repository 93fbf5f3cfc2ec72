/**
 * Symptom: ERR_STREAM_PREMATURE_CLOSE from pipeline(), ERR_STREAM_DESTROYED from write().
 *
 *   node --import tsx chapters/02-tcp-echo/symptoms/premature-close.ts
 */
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** How a connection may end on which a part of the answer has come. */
const ENDINGS: Record<string, (socket: Socket) => void> = {
  'the peer ends the connection': socket => socket.write('end'),
  'the peer resets the connection': socket => socket.write('reset'),
  'we call destroy()': socket => socket.destroy(),
  "we call destroy(new Error('too slow'))": socket => socket.destroy(new Error('too slow')),
}

const server = createServer(socket => {
  socket.on('error', () => {})
  socket.once('data', word => (`${word}` === 'end' ? socket.end() : socket.resetAndDestroy()))
  socket.write('a part of the answer')
})
const port = await listen(server)
for (const [what, endIt] of Object.entries(ENDINGS)) {
  const socket = connect(port, '127.0.0.1')
  const answer = new PassThrough().once('data', () => endIt(socket))
  console.log(`${what}: ${await outcomeOf(pipeline(socket, answer))}`)
}

const socket = connect(port, '127.0.0.1')
let errors = 0
socket.on('error', () => errors++)
await once(socket, 'connect')
socket.destroy()
const late = await new Promise<string>(resolve => socket.write('late', e => resolve(textOf(e))))
console.log(`write() after destroy(): ${late}`)
console.log(`  'error' events: ${errors}; socket.writable: ${socket.writable}`)
const outcome = await outcomeOf(pipeline(new PassThrough().end('late'), socket))
console.log(`here, pipeline() into a destroyed socket: ${outcome}`)
server.close()

// In an HTTP server the peer may be the reason: here a client that leaves before the answer's end.
const web = createHttpServer()
const client = connect(await listen(web), '127.0.0.1').on('error', () => {})
client.write('GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n')
client.once('data', () => client.destroy())
const [, response] = await once(web, 'request')
const endless = new PassThrough()
endless.write('a part of the answer')
console.log(`an HTTP client leaves early: ${await outcomeOf(pipeline(endless, response))}`)
web.close()

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

function outcomeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => 'no error', textOf)
}

function textOf(error: NodeJS.ErrnoException | null | undefined): string {
  if (!error) return 'no error'
  return error.code === undefined ? error.message : `${error.code}: ${error.message}`
}
