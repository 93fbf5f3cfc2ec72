import { once } from 'node:events'
import { connect } from 'node:net'

const socket = connect(Number(process.env.PORT), '127.0.0.1')
socket.on('error', () => leave('connection is lost', 4))
socket.on('end', () => {
  if (text === '') leave('peer has closed', 0)
})
let text = ''
await once(socket, 'connect')

let pings = 0
let bytes = 0
let heardMs = performance.now()

function look(): void {
  if (socket.bytesRead !== bytes) heardMs = performance.now()
  bytes = socket.bytesRead
  if (performance.now() - heardMs >= 1500) leave('peer is gone', 3)
  socket.write(`ping ${++pings}\n`)
}
look()
setInterval(() => setImmediate(look), 250)

socket.setEncoding('latin1').on('data', chunk => {
  const lines = (text + chunk).split('\n')
  text = lines.pop() ?? ''
  for (const line of lines) {
    const [, number] = /^ping ([0-9]{1,18})$/.exec(line) ?? []
    if (number !== undefined) socket.write(`pong ${number}\n`)
  }
})

function leave(line: string, code: number): never {
  console.log(line)
  process.exit(code)
}
