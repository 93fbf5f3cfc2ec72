import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const socket = connect(Number(process.env.PORT), '127.0.0.1')
socket.on('error', () => leave('connection is lost', 4))
socket.on('end', () => leave('peer has closed', 0))

let pings = 0
let heardMs = performance.now()
socket.on('data', () => {
  heardMs = performance.now()
})

socket.on('connect', () => {
  heardMs = performance.now()
  look()
})
setInterval(() => setImmediate(look), 250)

function look(): void {
  if (performance.now() - heardMs >= 3200) leave('peer is gone', 3)
  socket.write(`ping ${++pings}\n`)
}

createInterface(socket).on('line', line => {
  const [, number] = /^ping (\d+)$/.exec(line) ?? []
  if (number !== undefined) socket.write(`pong ${number}\n`)
})

function leave(line: string, code: number): void {
  console.log(line)
  process.exit(code)
}
