import { once } from 'node:events'
import { connect } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { readFrames } from '#lib/framing/stream.ts'

const socket = connect(Number(process.env.PORT), '127.0.0.1')
socket.on('error', () => leave('connection is lost', 4))
await once(socket, 'connect')

let pings = 0
let bytes = 0
let silentMs = 0

function look(): void {
  silentMs = socket.bytesRead === bytes ? silentMs + 250 : 0
  bytes = socket.bytesRead
  if (silentMs > 1500) leave('peer is gone', 3)
  if (socket.writableLength === 0) socket.write(`ping ${++pings}\n`)
}
look()
setInterval(() => setImmediate(look), 250)

try {
  for await (const line of readFrames(socket, lines({ onTooLarge: 'skip' }))) {
    const [, number] = /^ping ([0-9]{1,18})$/.exec(line) ?? []
    if (number !== undefined) socket.write(`pong ${number}\n`)
  }
} catch {
  // in the middle of a line
}
leave('peer has closed', 0)

function leave(line: string, code: number): never {
  console.log(line)
  process.exit(code)
}
