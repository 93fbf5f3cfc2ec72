import { once } from 'node:events'
import { connect } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { readFrames } from '#lib/framing/stream.ts'

const INTERVAL_MS = 250
const LIMIT_MS = 1500

function leave(line: string, code: number): never {
  console.log(line)
  process.exit(code)
}

const socket = connect(Number(process.env.PORT), '127.0.0.1')
socket.on('error', () => leave('connection is lost', 4))
await once(socket, 'connect')

let pings = 0
let bytes = 0
let heardMs = performance.now()

function look(): void {
  const nowMs = performance.now()
  if (socket.bytesRead !== bytes) heardMs = nowMs
  bytes = socket.bytesRead
  if (nowMs - heardMs >= LIMIT_MS) leave('peer is gone', 3)
  if (socket.writableLength === 0) socket.write(`ping ${++pings}\n`)
}
setInterval(() => setImmediate(look), INTERVAL_MS)

for await (const line of readFrames(socket, lines())) {
  const [, number] = /^ping ([0-9]{1,18})$/.exec(line) ?? []
  if (number !== undefined) socket.write(`pong ${number}\n`)
}
leave('peer has closed', 0)
