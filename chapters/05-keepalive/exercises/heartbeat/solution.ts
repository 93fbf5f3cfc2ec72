import { once } from 'node:events'
import { connect } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { readFrames } from '#lib/framing/stream.ts'

const INTERVAL_MS = 250
const LIMIT_MS = 1500

/** No end(), no waiting: a peer that has vanished answers no FIN. The kernel closes for us. */
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
  // Bytes, not lines: a long line that takes its time is a sign of life, too.
  if (socket.bytesRead !== bytes) heardMs = nowMs
  bytes = socket.bytesRead
  if (nowMs - heardMs >= LIMIT_MS) leave('peer is gone', 3)
  // For a peer that does not read, pings would pile up.
  if (socket.writableLength === 0) socket.write(`ping ${++pings}\n`)
}
look()
// Timers run before sockets are read. If this program itself was stopped for a while, a timer that
// decides at once gives up on a peer whose pong waits to be read: let Node read first.
setInterval(() => setImmediate(look), INTERVAL_MS)

try {
  for await (const line of readFrames(socket, lines({ onTooLarge: 'skip' }))) {
    const [, number] = /^ping (\d{1,18})$/.exec(line) ?? []
    if (number !== undefined) socket.write(`pong ${number}\n`)
  }
} catch {
  // The FIN came in the middle of a line: it is the peer's FIN all the same.
}
leave('peer has closed', 0)
