import { connect } from 'node:net'

const socket = connect(Number(process.env.PORT), '127.0.0.1')
socket.on('error', () => leave('connection is lost', 4))
socket.on('end', () => leave('peer has closed', 0))

let pings = 0
let heardMs = performance.now()

socket.on('connect', () => {
  heardMs = performance.now()
  look()
})
setInterval(() => setImmediate(look), 250)

function look(): void {
  if (performance.now() - heardMs >= 1500) leave('peer is gone', 3)
  socket.write(`ping ${++pings}\n`)
}

socket.on('data', chunk => {
  heardMs = performance.now()
  const text = chunk.toString()
  if (text.startsWith('ping ')) socket.write(`pong ${Number.parseInt(text.slice(5), 10)}\n`)
})

function leave(line: string, code: number): void {
  console.log(line)
  process.exit(code)
}
