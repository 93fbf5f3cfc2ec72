import { once } from 'node:events'
import { connect } from 'node:net'

const LINE_BYTES = 1024

const socket = connect(Number(process.env.PORT), '127.0.0.1')
socket.on('error', () => leave('connection is lost', 4))
socket.on('end', () => leave('peer has closed', 0))
await once(socket, 'connect')

let pings = 0
let heardMs = performance.now()
let line = ''

socket.setEncoding('latin1').on('data', (chunk: string) => {
  heardMs = performance.now()
  for (const byte of chunk) {
    if (byte === '\n') {
      const [, number] = /^ping ([0-9]{1,18})$/.exec(line) ?? []
      if (number !== undefined) socket.write(`pong ${number}\n`)
    }
    // Too long for a ping: forget it. What follows looks like a new line then.
    if (byte === '\n' || line.length === LINE_BYTES) line = ''
    if (byte !== '\n') line += byte
  }
})

function look(): void {
  if (performance.now() - heardMs > 1600) leave('peer is gone', 3)
  if (socket.writableLength === 0) socket.write(`ping ${++pings}\n`)
}
look()
setInterval(() => setImmediate(look), 250)

function leave(line: string, code: number): never {
  console.log(line)
  process.exit(code)
}
