import { once } from 'node:events'
import { connect } from 'node:net'

const socket = connect(Number(process.env.PORT), '127.0.0.1')
socket.on('error', () => leave('connection is lost', 4))
socket.on('end', () => leave('peer has closed', 0))
await once(socket, 'connect')

let pings = 0
let heardMs = performance.now()
let waiting = Buffer.alloc(0)

socket.on('data', chunk => {
  heardMs = performance.now()
  waiting = Buffer.concat([waiting, chunk])
  for (let end = waiting.indexOf('\n'); end >= 0; end = waiting.indexOf('\n')) {
    // A decoder for each line: each time it drops a byte order mark at the beginning.
    const line = new TextDecoder().decode(waiting.subarray(0, end))
    waiting = waiting.subarray(end + 1)
    const [, number] = /^ping ([0-9]{1,18})$/.exec(line) ?? []
    if (number !== undefined) socket.write(`pong ${number}\n`)
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
